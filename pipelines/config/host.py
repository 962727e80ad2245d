"""Which hosts may receive a token: amoCRM's own domains, or a loopback address for the emulator.

Nothing is sent.
"""

from __future__ import annotations

import re

from pipelines.base.errors import SettingsError

DOMAINS = ("amocrm.ru", "kommo.com", "amocrm.com")
"""Domains under which amoCRM keeps its accounts, one DNS label each; the last is the old one."""

_ACCOUNT_HOST = rf"[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.(?:{'|'.join(map(re.escape, DOMAINS))})"
_ACCOUNT = re.compile(rf"(?:https://)?({_ACCOUNT_HOST})/?")
_PASTED = re.compile(rf"(?:[a-z]+://)?({_ACCOUNT_HOST})(?:[/:?#]|$)")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOCAL = re.compile(rf"(?:http://)?(localhost|127(?:\.{_OCTET}){{3}}|\[::1\]):([0-9]{{1,5}})/?")
_SAFE_TO_SHOW = re.compile(r"(?=.{1,60}$)(?:https?://)?(?:[a-z0-9-]+\.)+[a-z]{2,12}(?::[0-9]{1,5})?/?")
"""A name of a host and nothing beside it. What looks otherwise may be a token in the wrong place, and is not shown."""


def parse_host(text: str) -> str:
    """The base URL of an account's API, without a trailing slash, from a host or URL that a user wrote.

    ``example.amocrm.ru`` becomes ``https://example.amocrm.ru``; ``127.0.0.1:8080`` becomes
    ``http://127.0.0.1:8080``. The host decides who receives the token, so anything else raises
    ``SettingsError``.
    """
    lowered = text.strip().lower()
    if account := _ACCOUNT.fullmatch(lowered):
        return f"https://{account[1]}"
    if (local := _LOCAL.fullmatch(lowered)) and 1 <= int(local[2]) <= 65_535:
        return f"http://{local[1]}:{int(local[2])}"
    if pasted := _PASTED.match(lowered):
        raise SettingsError("There is more than a host.", advice=f"Write the host alone: {pasted[1]}.")
    shown = f"The host '{lowered}'" if _SAFE_TO_SHOW.fullmatch(lowered) else "The host"
    raise SettingsError(
        f"{shown} is not that of an amoCRM account.",
        advice=f"Write it as it stands in the browser, one name and one of {', '.join(DOMAINS)}: example.amocrm.ru; "
        "or, for the emulator, a loopback address with its port: 127.0.0.1:8080.",
    )


def is_local(base_url: str) -> bool:
    """Whether a base URL is that of this machine, where only an emulator can be."""
    return base_url.startswith("http://")
