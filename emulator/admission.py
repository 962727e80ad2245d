"""Requests that a website could have made a browser send, which the emulator refuses.

Every page that a browser of this machine shows can send requests to a loopback address. The API's paths ask for a
bearer token, which such a page does not have; the methods under ``/_emulator/`` ask for none. Host and origin are
checked for both: a name that points here (DNS rebinding) would make a page the same origin, and let it read.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OWN_SITES = ("same-origin", "none")


def refusal(method: str, headers: Mapping[str, str]) -> str | None:
    """Why a request is refused; None for one that may pass. Header names are in lower case."""
    host = headers.get("host")
    if host is not None and _host_and_port(f"http://{host}")[0] not in LOOPBACK:
        return "Only for this machine, under its loopback address"
    if "origin" in headers and not _is_own(headers["origin"], host):
        return "Another website sent this: its Origin is foreign"
    if method == "GET" and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document"):
        return None  # a user follows a link, as to the page that asks for consent
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return "Another website sent this, says Sec-Fetch-Site"
    if "referer" in headers and not _is_own(headers["referer"], host):
        return "Another website sent this: its Referer is foreign"
    return None


def refusal_of_admin(method: str, headers: Mapping[str, str]) -> str | None:
    """The same for the emulator's own methods: no link leads there, and a POST needs JSON.

    A page cannot send JSON, or methods such as DELETE, without the browser asking first, which is answered with 501.
    """
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return "Another website sent this, says Sec-Fetch-Site"
    kind = headers.get("content-type", "").lower().replace(" ", "")
    if method == "POST" and kind not in ("application/json", "application/json;charset=utf-8"):
        return "This needs the header 'Content-Type: application/json'"
    return None


def _is_own(origin: str, host: str | None) -> bool:
    """Whether an origin or an address is that of the emulator, as the request calls it."""
    here = None if host is None else _host_and_port(f"http://{host}")
    return origin.startswith("http://") and _host_and_port(origin) == here


def _host_and_port(url: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None, None
    is_plain = not set(parts.netloc) & set("@, \t\\")
    return (parts.hostname if is_plain else None), port or 80
