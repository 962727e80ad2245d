"""Refusal of requests that a website could have made a browser send.

Any page in a browser of this machine can send requests to a loopback address. The API needs a bearer token, which such
a page does not have; the methods under ``/_emulator/`` need none. Host and origin are checked for both, because a name
that resolves to this machine (DNS rebinding) would give a page the same origin, and let it read responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OWN_SITES = ("same-origin", "none")


def refusal(method: str, headers: Mapping[str, str]) -> str | None:
    """Return why a request is refused; None if it is admitted. Header names are in lower case."""
    host = headers.get("host")
    if host is not None and _host_and_port(f"http://{host}")[0] not in LOOPBACK:
        return "Only for this machine, under its loopback address"
    if "origin" in headers and not _is_own(headers["origin"], host):
        return "Another website sent this: its Origin is foreign"
    if method == "GET" and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document"):
        return None  # a user follows a link, for example to the OAuth consent page
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return "Another website sent this, says Sec-Fetch-Site"
    if "referer" in headers and not _is_own(headers["referer"], host):
        return "Another website sent this: its Referer is foreign"
    return None


def refusal_of_admin(method: str, headers: Mapping[str, str]) -> str | None:
    """Return why a request to an admin method is refused: no links lead there, and a POST needs JSON.

    Before a page sends JSON or a DELETE, the browser sends a CORS preflight, to which the emulator responds with 501.
    """
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return "Another website sent this, says Sec-Fetch-Site"
    kind = headers.get("content-type", "").lower().replace(" ", "")
    if method == "POST" and kind not in ("application/json", "application/json;charset=utf-8"):
        return "This needs the header 'Content-Type: application/json'"
    return None


def _is_own(origin: str, host: str | None) -> bool:
    """Return True if an origin or address is the emulator's, by the host of the request."""
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
