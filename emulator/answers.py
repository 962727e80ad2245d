"""What amoCRM answers to a request: a pure function of the world and the request, without faults and without sockets.

Each method follows its section of the vendor's page "Customers Stages and Segments"; the account and the fields, which
that page leaves out, follow the pages "Account" and "Custom fields" of the same documentation, the rest "OAuth 2.0".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator import oauth, reads, writes
from emulator.calls import Call, bearer
from emulator.messages import Answer, Request, problem
from emulator.routes import route
from emulator.world import World

METHODS: dict[str, dict[str, Callable[[Call], Answer]]] = {
    "account": {"GET": reads.show_account},
    "stages": {"GET": reads.show_list, "POST": writes.add_stages},
    "stage": {"GET": reads.show_thing, "PATCH": writes.update_stage, "DELETE": writes.delete_stage},
    "segments": {"GET": reads.show_list, "POST": writes.add_segment},
    "segment": {"GET": reads.show_thing, "PATCH": writes.update_segment, "DELETE": writes.delete_segment},
    "fields": {"GET": reads.show_list},
    "field": {"GET": reads.show_thing},
}
"""The methods that ask for a token. All but GET are for administrators only."""

OPEN_METHODS: dict[str, dict[str, Callable[[World, Request], Answer]]] = {
    "token": {"POST": oauth.give_tokens},
    "subdomain": {"GET": oauth.show_subdomain},
    "consent": {"GET": oauth.consent},
}
"""The methods by which tokens are come by."""


def answer(world: World, request: Request) -> Answer:
    """The answer to any request whatever."""
    found = route(request.path)
    if found is None:
        return problem(404, "Cannot find the page you asked for")
    if found.resource in OPEN_METHODS:
        give = OPEN_METHODS[found.resource].get(request.method)
        return _not_allowed(OPEN_METHODS[found.resource]) if give is None else give(world, request)
    token = bearer(world, request)
    if token is None:
        return problem(401, "Invalid or expired access token", hint="Token has expired or is not valid")
    do = METHODS[found.resource].get(request.method)
    if do is None:
        return _not_allowed(METHODS[found.resource])
    call = Call(world=world, account=world.account(token.account_id), token=token, request=request, route=found)
    if request.method != "GET" and not call.is_admin:
        return problem(403, "Insufficient rights to call this method")
    return do(call) if call.is_mode_on else problem(422, "Customers disabled")


def _not_allowed(methods: dict[str, Callable[..., Answer]]) -> Answer:
    return replace(problem(405, "Method Not Allowed"), headers={"Allow": ", ".join(methods)})
