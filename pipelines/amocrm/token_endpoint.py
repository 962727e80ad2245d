"""Asking amoCRM for tokens, with the patience and the pace of all other requests.

Nothing is kept or decided here.
"""

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
    """Where an integration gets its tokens.

    All methods raise the errors of ``ApiError``, and none holds a secret. A request for tokens is a
    write: ``UncertainWrite`` where amoCRM may have given out what never arrived.
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
        """The tokens for a code, which then is good for nothing."""
        return self._request_pair(base_url, code_request(self._integration, code), code)

    def refresh_pair(self, base_url: str, pair: TokenPair) -> TokenPair:
        """The successors of a pair, whose refresh token then is good for nothing."""
        return self._request_pair(base_url, refresh_request(self._integration, pair), pair.refresh_token.reveal())

    def fetch_account_host(self, base_url: str, pair: TokenPair) -> str | None:
        """Where the account is that was at ``base_url``; None where the tokens name nobody who could be asked."""
        url = api_url(pair, base_url)
        return url and self._send(
            url,
            account_host_request(),
            lambda document: parse_account_host(document, pair, base_url),
            header=refresh_header,
            secret=pair.refresh_token.reveal(),
        )

    def _request_pair(self, base_url: str, request: Request, secret: str) -> TokenPair:
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
            assert value is not None  # neither question has an answer without a body
            return value
        finally:
            session.transport.close()
        # Raised out here, where the first error, which may quote an answer that repeats a secret, is not its context.
        raise failure


def _no_header(_: str) -> None:
    """Requests for tokens show theirs in the body."""


def _with_hint(error: ApiError, response: Response | None, secrets: tuple[str, ...]) -> ApiError:
    """The error with what the answer hints at, and without any secret that the answer repeats.

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
        # By its beginning: of a long one that an answer repeats, the message may hold no more than a part.
        message = re.sub(rf"{re.escape(secret[:16])}\S*", "***", message)
    return error_type(message, request=error.request, status=error.status, request_id=error.request_id)
