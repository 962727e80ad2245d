"""The least that reading costs: the same answers asked for, unzipped and parsed, and nothing made of them."""

from __future__ import annotations

import requests
from amo import ACCOUNT, FIELDS, PAGE, SEGMENTS, accounts


def main() -> None:
    """Read all accounts."""
    with requests.Session() as session:
        for account in accounts():
            session.get(account.url + ACCOUNT, headers=account.headers).json()
            for path in (SEGMENTS, FIELDS):
                session.get(account.url + path, params=PAGE, headers=account.headers).json()


if __name__ == "__main__":
    main()
