"""Which requests something goes wrong for, and how often. What goes wrong is in ``effects``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TypedDict, Unpack

from emulator.entities import Json
from emulator.messages import Request, Response
from emulator.routes import find_route
from emulator.wire_response import WireResponse
from emulator.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a fault does at each of four moments; a moment without a function stays as it is."""

    before_response: Callable[[World], object] | None = None  # before the answer is made
    payload: Callable[[Json], Json] | None = None  # the JSON of a successful answer
    response: Callable[[Response], Response] | None = None  # status, headers, and the body before compression
    wire: Callable[[WireResponse], WireResponse] | None = None  # bytes and how they are sent


class RequestFilter(TypedDict, total=False):
    """Which requests a fault is for; what is left out does not matter."""

    resource: str  # as in ``routes``: account, stages, stage, segments, segment, fields, field, token
    method: str
    page: int  # the page asked for
    thing_id: int
    account_id: int  # whose token the request bears
    host: str  # the one the client asked, port included
    nth: int  # from the n-th request on that is like the above; 1 by default
    times: int  # and so many times; without end by default


@dataclass(kw_only=True, slots=True, eq=False)
class Fault:
    """An effect, the requests it is for, and how often it came to pass."""

    effect: Effect
    where: RequestFilter
    seen: int = 0  # requests it could have been for
    hits: int = 0  # requests it was for

    def matches(self, request: Request, account_id: int | None) -> bool:
        """Count the request, and say whether it is hit."""
        matched_route = find_route(request.path)
        properties: dict[str, object] = {
            "resource": matched_route and matched_route.resource,
            "method": request.method,
            "page": request.page,
            "thing_id": matched_route and matched_route.thing_id,
            "account_id": account_id,
            "host": request.headers.get("host"),
        }
        if any(name in properties and properties[name] != expected for name, expected in self.where.items()):
            return False
        self.seen += 1
        if self.seen < self.where.get("nth", 1) or self.hits == self.where.get("times", -1):
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults that are switched on.

    ::

        emulator.faults.add(effects.status(503), resource="segments", page=2, times=1)
    """

    active: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, effect: Effect, **where: Unpack[RequestFilter]) -> Fault:
        """Switch a fault on; several that meet one request work in turn. Returns it, to count and to remove."""
        unknown = set(where) - set(RequestFilter.__annotations__)
        if unknown:
            raise ValueError(f"a fault cannot be matched by {sorted(unknown)}")
        fault = Fault(effect=effect, where=where)
        with self._lock:
            self.active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Switch one off."""
        with self._lock:
            self.active.remove(fault)

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self.active.clear()

    @contextmanager
    def during(self, effect: Effect, **where: Unpack[RequestFilter]) -> Iterator[Fault]:
        """Switch a fault on for the length of a ``with``."""
        fault = self.add(effect, **where)
        try:
            yield fault
        finally:
            self.remove(fault)

    def effects_for(self, request: Request, account_id: int | None) -> list[Effect]:
        """The effects for a request, in the order in which they were switched on."""
        with self._lock:
            return [fault.effect for fault in self.active if fault.matches(request, account_id)]
