"""Hosts that may receive a token: amoCRM's domains, or a loopback address for the emulator."""

from __future__ import annotations

import re

from pipelines.base.errors import SettingsError

DOMAINS = ("amocrm.ru", "kommo.com", "amocrm.com")
"""Domains of accounts, one DNS label each; the last is the old one."""

_ACCOUNT_HOST = rf"[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.(?:{'|'.join(map(re.escape, DOMAINS))})"
_ACCOUNT = re.compile(rf"(?:https://)?({_ACCOUNT_HOST})/?")
_PASTED = re.compile(rf"(?:[a-z]+://)?({_ACCOUNT_HOST})(?:[/:?#]|$)")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOCAL = re.compile(rf"(?:http://)?(localhost|127(?:\.{_OCTET}){{3}}|\[::1\]):([0-9]{{1,5}})/?")
_SAFE_TO_SHOW = re.compile(r"(?=.{1,60}$)(?:https?://)?(?:[a-z0-9-]+\.)+[a-z]{2,12}(?::[0-9]{1,5})?/?")
"""A plain host name. Any other text may be a misplaced token and is not shown."""


def parse_host(text: str) -> str:
    """Return the base URL of an account's API, without a trailing slash, from a host or URL.

    ``example.amocrm.ru`` becomes ``https://example.amocrm.ru``; ``127.0.0.1:8080`` becomes
    ``http://127.0.0.1:8080``. The host receives the token, so any other text raises
    ``SettingsError``.
    """
    lowered = text.strip().lower()
    if account := _ACCOUNT.fullmatch(lowered):
        return f"https://{account[1]}"
    if (local := _LOCAL.fullmatch(lowered)) and 1 <= int(local[2]) <= 65_535:
        return f"http://{local[1]}:{int(local[2])}"
    if pasted := _PASTED.match(lowered):
        raise SettingsError("There is more than a host name.", advice=f"Write the host alone: {pasted[1]}.")
    shown = f"The host '{lowered}'" if _SAFE_TO_SHOW.fullmatch(lowered) else "The host"
    raise SettingsError(
        f"{shown} is not an amoCRM account.",
        advice=f"Copy it from the browser, one name and one of {', '.join(DOMAINS)}: example.amocrm.ru; "
        "for the emulator, write a loopback address with its port: 127.0.0.1:8080.",
    )


def is_local(base_url: str) -> bool:
    """Return True if a base URL is on this machine, so an emulator's."""
    return base_url.startswith("http://")
