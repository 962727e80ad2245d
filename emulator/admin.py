"""Admin methods under ``/_emulator/``, which control the emulator from another process. Not part of amoCRM's API.

====== ======================= ================================================================================
GET    /_emulator/state        the time, the accounts, the active faults, and the number of requests
POST   /_emulator/clock        ``{"instant": "2026-11-01T09:00:00+03:00"}``: freeze the clock at this time
POST   /_emulator/advance      ``{"days": 1, "hours": 2}``: advance the clock
POST   /_emulator/tokens       ``{"account_id": 31405382, "is_admin": true}``: a long-lived token
POST   /_emulator/integrations ``{"redirect_uri": "http://127.0.0.1:9000/"}``: a client id and its secret, for OAuth
POST   /_emulator/quirks       ``{"customers_order": "updated_at"}``: change undocumented behaviour
POST   /_emulator/faults       ``{"name": "status", "arguments": {"code": 503}, "where": {"resource": "segments"}}``
DELETE /_emulator/faults       remove all faults
====== ======================= ================================================================================

A POST needs ``Content-Type: application/json``, which pages of other websites cannot send.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Protocol

from emulator.admission import refusal_of_admin
from emulator.clock import Clock
from emulator.effects import EFFECTS
from emulator.entities import Json
from emulator.faults import Faults
from emulator.messages import Request, Response, problem, success
from emulator.oauth import add_integration
from emulator.world import World

PREFIX = "/_emulator/"


class Controlled(Protocol):
    """Interface of the emulator for these methods."""

    world: World
    faults: Faults
    requests: list[Request]

    @property
    def clock(self) -> Clock:
        """Clock of the emulator."""
        ...

    def long_lived_token(self, account_id: int, *, is_admin: bool = True) -> str:
        """Issue a long-lived token."""
        ...


def respond(emulator: Controlled, request: Request) -> Response:
    """Handle a request under ``PREFIX``; respond with 400 and the reason if it is invalid."""
    if refused := refusal_of_admin(request.method, request.headers):
        return problem(403, refused)
    handler = HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
    if handler is None:
        return problem(404, "No such method of the emulator")
    try:
        return success(handler(emulator, json.loads(request.body or b"{}")))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return problem(400, f"{type(error).__name__}: {error}")


def _state(emulator: Controlled, _: Json) -> Json:
    accounts = emulator.world.accounts.values()
    return {
        "is_simulated": True,
        "now": emulator.clock.now().isoformat(),
        "accounts": [{"id": one.id, "name": one.name, "customers_mode": one.mode} for one in accounts],
        "faults": [{"where": dict(one.where), "hits": one.hits} for one in emulator.faults.active],
        "requests": len(emulator.requests),
    }


def _set_clock(emulator: Controlled, body: Json) -> Json:
    emulator.clock.set(datetime.fromisoformat(body["instant"]))
    return _state(emulator, body)


def _advance(emulator: Controlled, body: Json) -> Json:
    emulator.clock.advance(timedelta(**body))
    return _state(emulator, body)


def _issue_token(emulator: Controlled, body: Json) -> Json:
    return {"access_token": emulator.long_lived_token(body["account_id"], is_admin=body.get("is_admin", True))}


def _add_integration(emulator: Controlled, body: Json) -> Json:
    return asdict(add_integration(emulator.world, body["redirect_uri"]))


def _set_quirks(emulator: Controlled, body: Json) -> Json:
    emulator.world.quirks = replace(emulator.world.quirks, **body)
    return asdict(emulator.world.quirks)


def _add_fault(emulator: Controlled, body: Json) -> Json:
    if body["name"] not in EFFECTS:
        raise ValueError(f"no such fault: {body['name']}; there are {', '.join(sorted(EFFECTS))}")
    emulator.faults.add(EFFECTS[body["name"]](**body.get("arguments", {})), **body.get("where", {}))
    return _state(emulator, body)


def _clear_faults(emulator: Controlled, body: Json) -> Json:
    emulator.faults.clear()
    return _state(emulator, body)


HANDLERS: dict[tuple[str, str], Callable[[Controlled, Json], Json]] = {
    ("GET", "state"): _state,
    ("POST", "clock"): _set_clock,
    ("POST", "advance"): _advance,
    ("POST", "tokens"): _issue_token,
    ("POST", "integrations"): _add_integration,
    ("POST", "quirks"): _set_quirks,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
}
