"""The account's timezone: IANA names in any case, and nothing that depends on the machine."""

from __future__ import annotations

import pytest

from pipelines.amocrm.account import parse_account
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.validation import InvalidRecord

ACCOUNT = {
    "id": 7,
    "name": "Shop",
    "subdomain": "shop",
    "customers_mode": "segments",
    "country": "UA",
    "currency": "UAH",
}


def parsed_timezone(name: object) -> tuple[str, list[str]]:
    log = AnomalyLog()
    account = parse_account(ACCOUNT | {"_embedded": {"datetime_settings": {"timezone": name}}}, log)
    return account.timezone, [anomaly.kind for anomaly in log.all()]


def test_a_name_in_another_case_is_read_and_recorded() -> None:
    assert parsed_timezone("Europe/Kiev") == ("Europe/Kiev", [])
    assert parsed_timezone("europe/KIEV") == ("Europe/Kiev", ["timezone_spelling"])


NO_NAMES = (
    "Mars/Base",
    "EST5EDT,M3.2.0,M11.1.0",
    "UTC+3",
    "../UTC",
    "/UTC",
    "Europe",
    "Europe/Kiev\x00",
    "\x1b[31mUTC",
)
LOCAL_NAMES = ("localtime", "posix/Europe/Kiev", "right/Europe/Kiev", "Factory", "posixrules")


@pytest.mark.parametrize("name", [None, 3, "", " ", *NO_NAMES, *LOCAL_NAMES])
def test_other_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidRecord, match="the account's timezone"):
        parsed_timezone(name)
