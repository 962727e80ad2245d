"""Post a message's JSON to a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests

from pipelines.base.secret import Secret

TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and to wait for the response's header. The body is not read."""

TRANSIENT_STATUSES: Final = frozenset({429, 500, 502, 503, 504})


def post_json(url: Secret, payload: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Post the JSON once, without following redirects.

    Returns the error, if any, which never contains the address, and whether it is transient.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url.reveal(), json=payload, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                if response.ok and not response.is_redirect:
                    return None, False
                return f"answered {response.status_code}", response.status_code in TRANSIENT_STATUSES
        except (requests.ConnectionError, requests.Timeout) as error:
            return f"cannot be reached ({type(error).__name__})", True
        except (requests.RequestException, ValueError) as error:  # ValueError: a Location that is not UTF-8
            return f"cannot be used ({type(error).__name__})", False
