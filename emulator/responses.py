"""Dispatch of requests to API methods, without faults and sockets.

Methods follow the vendor's page "Customers Stages and Segments"; the account and the fields follow the pages "Account"
and "Custom fields" of the same documentation, OAuth follows "OAuth 2.0".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator import customer_reads, oauth, reads, writes
from emulator.calls import Call, read_bearer_token
from emulator.customer_moves import advance_customers
from emulator.messages import Request, Response, problem
from emulator.routes import find_route
from emulator.world import World

HANDLERS: dict[str, dict[str, Callable[[Call], Response]]] = {
    "account": {"GET": reads.get_account},
    "stages": {"GET": reads.get_list, "POST": writes.add_stages},
    "stage": {"GET": reads.get_entity, "PATCH": writes.update_stage, "DELETE": writes.delete_stage},
    "segments": {"GET": reads.get_list, "POST": writes.add_segment},
    "segment": {"GET": reads.get_entity, "PATCH": writes.update_segment, "DELETE": writes.delete_segment},
    "fields": {"GET": reads.get_list},
    "field": {"GET": reads.get_entity},
    "customers": {"GET": customer_reads.get_customers},
    "customer": {"GET": customer_reads.get_customer},
    "events": {"GET": customer_reads.get_events},
}
"""Methods that need a token. All except GET need an administrator's."""

OAUTH_HANDLERS: dict[str, dict[str, Callable[[World, Request], Response]]] = {
    "token": {"POST": oauth.issue_tokens},
    "subdomain": {"GET": oauth.show_subdomain},
    "consent": {"GET": oauth.consent},
}
"""Methods of OAuth, which need no access token."""


def respond(world: World, request: Request) -> Response:
    """Return the response to a request."""
    matched_route = find_route(request.path)
    if matched_route is None:
        return problem(404, "Cannot find the page you asked for")
    if matched_route.resource in OAUTH_HANDLERS:
        oauth_handler = OAUTH_HANDLERS[matched_route.resource].get(request.method)
        return (
            _method_not_allowed(OAUTH_HANDLERS[matched_route.resource])
            if oauth_handler is None
            else oauth_handler(world, request)
        )
    token = read_bearer_token(world, request)
    if token is None:
        return problem(401, "Invalid or expired access token", hint="Token has expired or is not valid")
    handler = HANDLERS[matched_route.resource].get(request.method)
    if handler is None:
        return _method_not_allowed(HANDLERS[matched_route.resource])
    call = Call(world=world, account=world.account(token.account_id), token=token, request=request, route=matched_route)
    if request.method != "GET" and not call.is_admin:
        return problem(403, "Insufficient rights to call this method")
    if call.account.id in world.customers:
        advance_customers(world, call.account.id, world.now())
    if not call.is_mode_on:
        is_about_customers = call.route.resource in ("customers", "customer")
        return problem(400, "Error 426.") if is_about_customers else problem(422, "Customers disabled")
    return handler(call)


def _method_not_allowed(methods: dict[str, Callable[..., Response]]) -> Response:
    return replace(problem(405, "Method Not Allowed"), headers={"Allow": ", ".join(methods)})
