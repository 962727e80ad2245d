"""Paths of the API."""

from __future__ import annotations

import re
from dataclasses import dataclass

PATHS = {
    "account": "/api/v4/account",
    "stages": "/api/v4/customers/statuses",
    "segments": "/api/v4/customers/segments",
    "fields": "/api/v4/customers/segments/custom_fields",
    "customers": "/api/v4/customers",
    "events": "/api/v4/events",
    "token": "/oauth2/access_token",
    "subdomain": "/oauth2/account/current/subdomain",
    "consent": "/oauth",
}
ENTITY_OF_LIST = {"stages": "stage", "segments": "segment", "fields": "field", "customers": "customer"}
"""Resource of one entity by the resource of its list."""
LIST_OF_ENTITY = {one: name for name, one in ENTITY_OF_LIST.items()}

_PATTERN = re.compile(
    "|".join(
        f"(?P<{name}>{re.escape(path)})"
        + (rf"(?:/(?P<{ENTITY_OF_LIST[name]}>[0-9]{{1,20}}))?" if name in ENTITY_OF_LIST else "")
        for name, path in PATHS.items()
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Resource of a path, with ``thing_id`` for a single entity."""

    resource: str  # a key of PATHS or a value of ENTITY_OF_LIST
    thing_id: int | None = None


def find_route(path: str) -> Route | None:
    """Return the route of a path; None if the API has no such path."""
    match = _PATTERN.fullmatch(path.removesuffix("/") or "/")
    if match is None:
        return None
    named = {name: text for name, text in match.groupdict().items() if text is not None}
    for one in ENTITY_OF_LIST.values():
        if one in named:
            return Route(resource=one, thing_id=int(named[one]))
    return Route(resource=next(iter(named)))
