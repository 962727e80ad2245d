"""Rules that refuse requests to Dagster's UI which another website may have made a browser send.

Dagster accepts every request to its port. A page on any website can make a browser send requests there, and if a name
of that website resolves to 127.0.0.1, its pages have the same origin as the UI (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

READING: Final = ("GET", "HEAD")
METHODS: Final = (*READING, "POST")

OWN_SITES: Final = ("same-origin", "none")
"""Values of Sec-Fetch-Site for requests that no other website caused; none means that the user typed the address."""

ENDPOINTS: Final = frozenset(
    {
        "graphql",
        "logs",
        "notebook",
        "dagit",
        "download_debug",
        "report_asset_materialization",
        "report_asset_check",
        "report_asset_observation",
    }
)
"""Path parts of endpoints that are not pages of the UI. Links from other websites may lead to pages only."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebRequest:
    """Parts of a request that the rules read."""

    method: str  # GET for a websocket
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()  # names in lower case; a name may repeat
    is_websocket: bool = False

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value.strip() for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        """The first value of a header; None if it is missing."""
        return next(iter(self.all(name)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnNames:
    """Host names under which people open the UI."""

    hosts: Collection[str] = ()  # beside the loopback names
    url: str | None = None  # the UI's address behind a proxy

    def has_host(self, name: str) -> bool:
        """Return True for a loopback name and for a name of the settings."""
        public = parts_of(self.url).hostname if self.url else None
        return name in LOOPBACK or name in self.hosts or name == public

    def has_origin(self, origin: str, host: str) -> bool:
        """Return True for the origin of a page that this server itself has served under ``host``."""
        found = origin_of(origin)
        if found is None:
            return False
        if self.url and found == origin_of(self.url):
            return True
        scheme, name, port = found
        return scheme in DEFAULT_PORTS and origin_of(f"{scheme}://{host}") == (scheme, name, port)


def refusal(request: WebRequest, names: OwnNames) -> str | None:
    """Return why the request is refused; None for one that may pass."""
    return (
        refused_host(request, names)
        or refused_source(request, names)
        or (None if request.is_websocket else refused_form(request))
    )


def refused_host(request: WebRequest, names: OwnNames) -> str | None:
    """Refuse a foreign Host header, which prevents DNS rebinding."""
    given = request.all("host")
    if len(given) != 1:
        return "The request needs exactly one Host header."
    found = None if set(given[0]) & set("/?#") else origin_of(f"http://{given[0]}")
    if found is None or not names.has_host(found[1]):
        return (
            "This Host is not allowed. Add it to AMOCRM_DAGSTER_HOSTS if people open Dagster under this name; "
            "127.0.0.1 and localhost always are."
        )
    return None


def refused_source(request: WebRequest, names: OwnNames) -> str | None:
    """Refuse requests that another website caused, except links to a page of the UI."""
    host = request.one("host") or ""
    if any(not names.has_origin(origin, host) for origin in request.all("origin")):
        return "This Origin is not allowed: another website sent the request."
    if is_link_to_page(request):
        return None
    if any(site not in OWN_SITES for site in request.all("sec-fetch-site")):
        return "Sec-Fetch-Site says that another website sent the request."
    if any(not names.has_origin(referer, host) for referer in request.all("referer")):
        return "This Referer is not allowed: another website sent the request."
    return None


def refused_form(request: WebRequest) -> str | None:
    """Refuse kinds of requests that browsers send to other websites without a CORS preflight."""
    if request.method not in METHODS:
        return f"Only {', '.join(METHODS)} are allowed."
    if request.method in READING:
        if "graphql" in parts_of_path(request.path) and request.query:
            return "GraphQL needs POST."
        return None
    kinds = request.all("content-type")
    if len(kinds) != 1 or not is_json(kinds[0]):
        return "A POST needs the header 'Content-Type: application/json'."
    return None


def is_link_to_page(request: WebRequest) -> bool:
    """Return True if a user followed a link to a page of the UI. Opening a page changes nothing."""
    return (
        request.method in READING
        and not request.is_websocket
        and request.all("sec-fetch-mode") == ["navigate"]
        and request.all("sec-fetch-dest") == ["document"]
        and not ENDPOINTS & set(parts_of_path(request.path))
    )


def is_json(content_type: str) -> bool:
    """Return True for JSON only: browsers regard ``text/plain; application/json`` as text, but Dagster as JSON."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and all(part in {"", "charset=utf-8", 'charset="utf-8"'} for part in parameters)


def parts_of_path(path: str) -> list[str]:
    """Split a path at its slashes, in lower case."""
    return path.lower().split("/")


def origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Return an address's scheme, host and port; None if it has no host, such as ``null``."""
    parts = parts_of(url)
    if not parts.hostname:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)


def parts_of(url: str) -> SplitResult:
    """Split an address; return empty parts if it is invalid or its host holds a user name, a path or blanks."""
    nothing = urlsplit("")
    try:
        parts = urlsplit(url)
    except ValueError:
        return nothing
    is_plain = parts.netloc and "@" not in parts.netloc and not set(parts.netloc) & set(" \t\\,")
    return parts if is_plain else nothing
