"""OAuth: consent, authorization codes and single-use refresh tokens, as in amoCRM's page "OAuth 2.0"."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from emulator import tokens
from emulator.entities import Grant, Integration, Json
from emulator.messages import Request, Response, problem
from emulator.tokens import Token
from emulator.world import World

CODE_LIFETIME = timedelta(minutes=20)
ACCESS_TOKEN_LIFETIME = timedelta(hours=24)
REFRESH_TOKEN_LIFETIME = timedelta(days=90)
"""Lifetimes of codes and tokens. amoCRM's refresh tokens are valid for three months."""


def add_integration(world: World, redirect_uri: str) -> Integration:
    """Register a client."""
    with world.lock:
        integration = Integration(
            client_id=_new_secret(world, "client"),
            client_secret=_new_secret(world, "secret"),
            redirect_uri=redirect_uri,
        )
        world.integrations[integration.client_id] = integration
        return integration


def authorize(world: World, client_id: str, account_id: int) -> str:
    """Return a single-use authorization code of the account for an integration."""
    return _add_grant(world, "code", client_id, account_id, CODE_LIFETIME)


def issue_tokens(world: World, request: Request) -> Response:
    """``POST /oauth2/access_token``: exchange a code or a refresh token, which is then used up, for new tokens."""
    parameters = _parse_parameters(request)
    integration = world.integrations.get(str(parameters.get("client_id")))
    if integration is None or parameters.get("client_secret") != integration.client_secret:
        return _rejected(401, "Client authentication failed")
    kinds = {"authorization_code": "code", "refresh_token": "refresh_token"}
    kind = kinds.get(str(parameters.get("grant_type")))
    if kind is None:
        return _rejected(400, "Check the `grant_type` parameter")
    if parameters.get("redirect_uri") != integration.redirect_uri:
        return _rejected(400, "Check the `redirect_uri` parameter")
    status = 400 if kind == "code" else 401
    grant = world.grants.get(str(parameters.get(kind)))
    if grant is None or grant.kind != kind or grant.client_id != integration.client_id:
        return _rejected(status, f"Check the `{kind}` parameter")
    if grant.is_used:
        return _rejected(status, "Authorization code has been revoked" if kind == "code" else "Token has been revoked")
    if world.timestamp() >= grant.expires_at:
        return _rejected(status, "Authorization code has expired" if kind == "code" else "Token has expired")
    grant.is_used = True
    return Response(status=200, content_type="application/json", payload=_new_token_pair(world, grant, request))


def show_subdomain(world: World, request: Request) -> Response:
    """``GET /oauth2/account/current/subdomain``: current host of a refresh token's account. The token stays valid."""
    grant = world.grants.get(request.headers.get("x-refresh-token", ""))
    if grant is None or grant.kind != "refresh_token" or grant.is_used or world.timestamp() >= grant.expires_at:
        return _rejected(401, "Token has been revoked")
    account = world.account(grant.account_id)
    payload = {
        "id": account.id,
        "subdomain": account.subdomain,
        "domain": urlsplit(request.base_url).netloc,
        "top_level_domain": "com",
    }
    return Response(status=200, content_type="application/json", payload=payload)


def consent(world: World, request: Request) -> Response:
    """``GET /oauth``: redirect back with a code at once, without asking the user as amoCRM does.

    ``account_id``, which amoCRM does not have, selects the account; the default is the first one.
    """
    integration = world.integrations.get(request.query.get("client_id", ""))
    account_id = request.query.get("account_id", str(next(iter(world.accounts), "")))
    if integration is None or not account_id.isdecimal() or int(account_id) not in world.accounts:
        return problem(400, "Unknown client_id or account_id")
    parameters = {
        "code": authorize(world, integration.client_id, int(account_id)),
        "state": request.query.get("state", ""),
        "referer": urlsplit(request.base_url).netloc,
        "client_id": integration.client_id,
    }
    separator = "&" if urlsplit(integration.redirect_uri).query else "?"
    return Response(status=302, headers={"Location": integration.redirect_uri + separator + urlencode(parameters)})


def _new_token_pair(world: World, grant: Grant, request: Request) -> Json:
    now = world.now()
    token = Token(
        id=f"{world.allocate_id('token'):032x}",
        account_id=grant.account_id,
        user_id=world.account(grant.account_id).admin_id,
        issued_at=now,
        expires_at=now + ACCESS_TOKEN_LIFETIME,
        api_domain=urlsplit(request.base_url).netloc,
        client_id=grant.client_id,
    )
    return {
        "token_type": "Bearer",
        "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        "server_time": world.timestamp(),
        "access_token": tokens.write(token, world.secret),
        "refresh_token": _add_grant(world, "refresh_token", grant.client_id, grant.account_id, REFRESH_TOKEN_LIFETIME),
    }


def _add_grant(world: World, kind: str, client_id: str, account_id: int, lifetime: timedelta) -> str:
    with world.lock:
        secret = _new_secret(world, kind)
        world.grants[secret] = Grant(
            kind=kind,
            client_id=client_id,
            account_id=world.account(account_id).id,
            expires_at=world.timestamp() + int(lifetime.total_seconds()),
        )
        return secret


def _new_secret(world: World, kind: str) -> str:
    """Return a unique secret, equal in worlds with the same history."""
    return hashlib.sha256(f"{world.secret}/{kind}/{world.allocate_id('token')}".encode()).hexdigest()


def _parse_parameters(request: Request) -> dict[str, Json]:
    """Parse the parameters of a body: JSON as in amoCRM's page, or a form as in RFC 6749."""
    if "form-urlencoded" in request.headers.get("content-type", ""):
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        parameters = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return parameters if isinstance(parameters, dict) else {}


def _rejected(status: int, hint: str) -> Response:
    return problem(status, "The request is missing a parameter, or a parameter is not valid", hint=hint)
