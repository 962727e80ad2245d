"""Active faults: effects, the requests they apply to, and how often."""

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
    """Functions that a fault applies at four points of a request; None changes nothing."""

    before_response: Callable[[World], object] | None = None  # before the response is made
    payload: Callable[[Json], Json] | None = None  # JSON of a successful response
    response: Callable[[Response], Response] | None = None  # status, headers, and the body before compression
    wire: Callable[[WireResponse], WireResponse] | None = None  # bytes and how they are sent


class RequestFilter(TypedDict, total=False):
    """Requests that a fault applies to. Omitted keys match every request."""

    resource: str  # as in ``routes``: account, stages, stage, segments, segment, fields, field, customers, …
    method: str
    page: int  # requested page
    thing_id: int
    account_id: int  # account of the request's token
    host: str  # Host header, including the port
    nth: int  # first matching request that is affected; 1 by default
    times: int  # number of affected requests; unlimited by default


@dataclass(kw_only=True, slots=True, eq=False)
class Fault:
    """Effect, its request filter, and counters."""

    effect: Effect
    where: RequestFilter
    seen: int = 0  # matching requests
    hits: int = 0  # affected requests

    def matches(self, request: Request, account_id: int | None) -> bool:
        """Count the request, and return True if the fault applies to it."""
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
    """Active faults.

    ::

        emulator.faults.add(effects.status(503), resource="segments", page=2, times=1)
    """

    active: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, effect: Effect, **where: Unpack[RequestFilter]) -> Fault:
        """Add and return a fault. If several faults apply to a request, their effects are applied in order."""
        unknown = set(where) - set(RequestFilter.__annotations__)
        if unknown:
            raise ValueError(f"a fault cannot be matched by {sorted(unknown)}")
        fault = Fault(effect=effect, where=where)
        with self._lock:
            self.active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove a fault."""
        with self._lock:
            self.active.remove(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self.active.clear()

    @contextmanager
    def during(self, effect: Effect, **where: Unpack[RequestFilter]) -> Iterator[Fault]:
        """Add a fault until the context ends."""
        fault = self.add(effect, **where)
        try:
            yield fault
        finally:
            self.remove(fault)

    def effects_for(self, request: Request, account_id: int | None) -> list[Effect]:
        """Return the effects for a request, in the order in which they were added."""
        with self._lock:
            return [fault.effect for fault in self.active if fault.matches(request, account_id)]
