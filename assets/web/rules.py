"""Rules for requests to Dagster's UI: which a browser may have been made to send by another website.

Dagster answers whatever reaches its port. A page on any website can have a browser send requests there, and a name that
the page's owner lets point to 127.0.0.1 makes its page the same origin (DNS rebinding). Pure functions: the headers go
in, the reason of a refusal comes out.
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
"""Values of Sec-Fetch-Site of requests that no other website caused; none: the user typed the address."""

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
"""Parts of paths that are more than pages of the UI. A link on another website may lead to a page, not to these."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebRequest:
    """What the rules look at in a request."""

    method: str  # GET for a websocket
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()  # names in lower case, as often as they came
    is_websocket: bool = False

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value.strip() for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        """The first value of a header; None where it is missing."""
        return next(iter(self.all(name)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnNames:
    """The names under which people open the UI."""

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
    """Refuse a name that is not ours: DNS rebinding."""
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
    """Refuse what another website caused. Links from there to a page of the UI are allowed."""
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
    """Refuse forms of requests that browsers send to other websites without asking there first (no preflight)."""
    if request.method not in METHODS:
        return f"Only {', '.join(METHODS)} are allowed."
    if request.method in READING:
        if "graphql" in parts_of_path(request.path) and request.query:
            return "GraphQL is answered by POST only."
        return None
    kinds = request.all("content-type")
    if len(kinds) != 1 or not is_json(kinds[0]):
        return "A POST needs the header 'Content-Type: application/json'."
    return None


def is_link_to_page(request: WebRequest) -> bool:
    """Return True if a user followed a link, in a tab of its own, to a page of the UI. Such pages change nothing."""
    return (
        request.method in READING
        and not request.is_websocket
        and request.all("sec-fetch-mode") == ["navigate"]
        and request.all("sec-fetch-dest") == ["document"]
        and not ENDPOINTS & set(parts_of_path(request.path))
    )


def is_json(content_type: str) -> bool:
    """Return True for JSON alone: ``text/plain; application/json`` is a text to browsers, and JSON to Dagster."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and all(part in {"", "charset=utf-8", 'charset="utf-8"'} for part in parameters)


def parts_of_path(path: str) -> list[str]:
    """The parts between slashes, in lower case."""
    return path.lower().split("/")


def origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address; None where it has no host, as ``null``."""
    parts = parts_of(url)
    if not parts.hostname:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)


def parts_of(url: str) -> SplitResult:
    """The parts of an address; all empty where it is none, or carries a user name, a path or blanks in its host."""
    nothing = urlsplit("")
    try:
        parts = urlsplit(url)
    except ValueError:
        return nothing
    is_plain = parts.netloc and "@" not in parts.netloc and not set(parts.netloc) & set(" \t\\,")
    return parts if is_plain else nothing
