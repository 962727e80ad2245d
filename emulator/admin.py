"""The emulator's own methods under ``/_emulator/``, to steer it from another process. No part of amoCRM's API.

====== ======================= ================================================================================
GET    /_emulator/state        the instant, the accounts, the faults that are on, how many requests came
POST   /_emulator/clock        ``{"instant": "2026-11-01T09:00:00+03:00"}``: stop there
POST   /_emulator/advance      ``{"days": 1, "hours": 2}``: move from here
POST   /_emulator/tokens       ``{"account_id": 31405382, "is_admin": true}``: a long-lived token
POST   /_emulator/integrations ``{"redirect_uri": "http://127.0.0.1:9000/"}``: a client id and its secret, for OAuth
POST   /_emulator/faults       ``{"name": "status", "arguments": {"code": 503}, "where": {"resource": "segments"}}``
DELETE /_emulator/faults       switch all faults off
====== ======================= ================================================================================

A POST needs ``Content-Type: application/json``, which no page of another website can send.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from emulator.admission import refusal_of_admin
from emulator.effects import EFFECTS
from emulator.messages import Answer, Request, problem, success
from emulator.oauth import add_integration
from emulator.things import Json

if TYPE_CHECKING:
    from emulator.server import Emulator

PREFIX = "/_emulator/"


def answer(emulator: Emulator, request: Request) -> Answer:
    """Do what a request under ``PREFIX`` asks for; 400 says what is wrong with it."""
    if refused := refusal_of_admin(request.method, request.headers):
        return problem(403, refused)
    do = METHODS.get((request.method, request.path.removeprefix(PREFIX)))
    if do is None:
        return problem(404, "No such method of the emulator")
    try:
        return success(do(emulator, json.loads(request.body or b"{}")))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return problem(400, f"{type(error).__name__}: {error}")


def _state(emulator: Emulator, _: Json) -> Json:
    accounts = emulator.world.accounts.values()
    return {
        "is_simulated": True,
        "now": emulator.clock.now().isoformat(),
        "accounts": [{"id": one.id, "name": one.name, "customers_mode": one.mode} for one in accounts],
        "faults": [{"where": dict(one.where), "hits": one.hits} for one in emulator.faults.active],
        "requests": len(emulator.requests),
    }


def _clock(emulator: Emulator, body: Json) -> Json:
    emulator.clock.set(datetime.fromisoformat(body["instant"]))
    return _state(emulator, body)


def _advance(emulator: Emulator, body: Json) -> Json:
    emulator.clock.advance(timedelta(**body))
    return _state(emulator, body)


def _token(emulator: Emulator, body: Json) -> Json:
    return {"access_token": emulator.long_lived_token(body["account_id"], is_admin=body.get("is_admin", True))}


def _integration(emulator: Emulator, body: Json) -> Json:
    return asdict(add_integration(emulator.world, body["redirect_uri"]))


def _add_fault(emulator: Emulator, body: Json) -> Json:
    if body["name"] not in EFFECTS:
        raise ValueError(f"no such fault: {body['name']}; there are {', '.join(sorted(EFFECTS))}")
    emulator.faults.add(EFFECTS[body["name"]](**body.get("arguments", {})), **body.get("where", {}))
    return _state(emulator, body)


def _clear_faults(emulator: Emulator, body: Json) -> Json:
    emulator.faults.clear()
    return _state(emulator, body)


METHODS: dict[tuple[str, str], Callable[[Emulator, Json], Json]] = {
    ("GET", "state"): _state,
    ("POST", "clock"): _clock,
    ("POST", "advance"): _advance,
    ("POST", "tokens"): _token,
    ("POST", "integrations"): _integration,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
}
