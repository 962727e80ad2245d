"""Token endpoint: requests for tokens, with the retries and rate limits of all other requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pipelines.amocrm.error_document import describe_error_document, parse_error_document
from pipelines.amocrm.http import HeaderFactory, Transport
from pipelines.amocrm.limits import TOKEN_REQUEST_SECONDS, Limits, RequestQuota
from pipelines.amocrm.messages import Request, Response
from pipelines.amocrm.models import Json
from pipelines.amocrm.oauth import (
    TokenPair,
    account_host_request,
    api_url,
    code_request,
    parse_account_host,
    parse_token_pair,
    refresh_header,
    refresh_request,
)
from pipelines.amocrm.rate_limiter import RATE_LIMITERS, RateLimiters
from pipelines.amocrm.session import Session
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import ApiError, InvalidRequest, Unauthorized, Unavailable
from pipelines.config.integration import Integration

T = TypeVar("T")


class TokenEndpoint:
    """Token endpoint of an integration.

    Methods raise the errors of ``ApiError``, without secrets. A request for tokens is a write:
    ``UncertainWrite`` means that issued tokens may have been lost.
    """

    def __init__(
        self,
        integration: Integration,
        *,
        limits: Limits | None = None,
        rate_limiters: RateLimiters = RATE_LIMITERS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._integration = integration
        self._limits = replace(limits or Limits(), load_seconds=TOKEN_REQUEST_SECONDS)
        self._rate_limiters = rate_limiters
        self._clock = clock

    def exchange_code(self, base_url: str, code: str) -> TokenPair:
        """Exchange a code, which works once, for the first pair."""
        return self._request_pair(base_url, code_request(self._integration, code), code)

    def refresh_pair(self, base_url: str, pair: TokenPair) -> TokenPair:
        """Exchange a refresh token, which works once, for the next pair."""
        return self._request_pair(base_url, refresh_request(self._integration, pair), pair.refresh_token.reveal())

    def fetch_account_host(self, base_url: str, pair: TokenPair) -> str | None:
        """Ask for the current base URL of the account; None if its tokens name no host to ask."""
        url = api_url(pair, base_url)
        return url and self._send(
            url,
            account_host_request(),
            lambda document: parse_account_host(document, pair, base_url),
            header=refresh_header,
            secret=pair.refresh_token.reveal(),
        )

    def _request_pair(self, base_url: str, request: Request, secret: str) -> TokenPair:
        """Send a request for tokens and parse the pair."""
        return self._send(
            base_url,
            request,
            lambda document: parse_token_pair(document, self._clock.now()),
            header=_no_header,
            secret=secret,
        )

    def _send(
        self, base_url: str, request: Request, parse: Callable[[Json], T], *, header: HeaderFactory, secret: str
    ) -> T:
        """Send a request in a session of its own; remove secrets from its errors."""
        session = Session(
            transport=Transport(base_url, limits=self._limits, header=header),
            token=lambda: secret,
            rate_limiter=self._rate_limiters.of(base_url, self._limits),
            limits=self._limits,
            quota=RequestQuota(self._limits, started=self._clock.monotonic()),
            clock=self._clock,
        )
        try:
            value = session.send(request, parse).value
        except ApiError as error:
            response = session.attempts[-1].response if session.attempts else None
            failure = _with_hint(error, response, (secret, self._integration.client_secret.reveal()))
        else:
            assert value is not None  # neither request allows 204
            return value
        finally:
            session.transport.close()
        # Raised outside of ``except``: the first error may quote a response that repeats a secret.
        raise failure


def _no_header(_: str) -> None:
    """Return no header: requests for tokens carry credentials in the body."""


def _with_hint(error: ApiError, response: Response | None, secrets: tuple[str, ...]) -> ApiError:
    """Return the error with the response's hint, and without secrets that the response repeats.

    A refusal that is not the API's own, such as a proxy's page, says nothing about the tokens.
    """
    error_document = parse_error_document(response) if response else None
    error_type = (
        Unavailable if error_document is None and isinstance(error, Unauthorized | InvalidRequest) else type(error)
    )
    hint = (error_document or {}).get("hint")
    message = (
        f"{error.message} {describe_error_document({'detail': hint})}." if isinstance(hint, str) else error.message
    )
    for secret in secrets:
        # Match the first characters: the message may hold only a part of a long secret.
        message = re.sub(rf"{re.escape(secret[:16])}\S*", "***", message)
    return error_type(message, request=error.request, status=error.status, request_id=error.request_id)
