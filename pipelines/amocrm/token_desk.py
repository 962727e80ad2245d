"""Asking amoCRM for tokens, with the patience and the pace of all other requests. Nothing is kept or decided here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pipelines.amocrm.conversation import Clocks, Conversation
from pipelines.amocrm.limits import GATES, Budget, Gates, Limits
from pipelines.amocrm.messages import Answer, Request
from pipelines.amocrm.oauth import (
    Integration,
    Pair,
    api_url,
    code_request,
    read_pair,
    read_whereabouts,
    refresh_header,
    refresh_request,
    whereabouts_request,
)
from pipelines.amocrm.problems import describe, read_problem
from pipelines.amocrm.records import Json
from pipelines.amocrm.transport import Header, Transport
from pipelines.errors import ApiError, InvalidRequest, Unauthorized, Unavailable

T = TypeVar("T")

MOST_SECONDS = 120.0
"""How long one question may take, waits that amoCRM asks for included: others are waiting for the new tokens."""


class TokenDesk:
    """Where an integration gets its tokens. All methods raise the errors of ``ApiError``, and none holds a secret.

    A request for tokens is a write: ``UncertainWrite`` where amoCRM may have given out what never arrived.
    """

    def __init__(
        self,
        integration: Integration,
        *,
        limits: Limits | None = None,
        gates: Gates = GATES,
        clocks: Clocks | None = None,
    ) -> None:
        self._integration = integration
        self._limits = replace(limits or Limits(), load_seconds=MOST_SECONDS)
        self._gates = gates
        self._clocks = clocks or Clocks()

    def first_pair(self, base_url: str, code: str) -> Pair:
        """The tokens for a code, which then is good for nothing."""
        return self._pair(base_url, code_request(self._integration, code), code)

    def next_pair(self, base_url: str, pair: Pair) -> Pair:
        """The successors of a pair, whose refresh token then is good for nothing."""
        return self._pair(base_url, refresh_request(self._integration, pair), pair.refresh_token.reveal())

    def whereabouts(self, base_url: str, pair: Pair) -> str | None:
        """Where the account is that was at ``base_url``; None where the tokens name nobody who could be asked."""
        url = api_url(pair, base_url)
        return url and self._ask(
            url,
            whereabouts_request(),
            lambda document: read_whereabouts(document, pair, base_url),
            header=refresh_header,
            secret=pair.refresh_token.reveal(),
        )

    def _pair(self, base_url: str, request: Request, secret: str) -> Pair:
        return self._ask(
            base_url, request, lambda document: read_pair(document, self._clocks.now()), header=_none, secret=secret
        )

    def _ask(self, base_url: str, request: Request, shape: Callable[[Json], T], *, header: Header, secret: str) -> T:
        conversation = Conversation(
            transport=Transport(base_url, limits=self._limits, header=header),
            token=lambda: secret,
            gate=self._gates.of(base_url, self._limits),
            limits=self._limits,
            budget=Budget(self._limits, started=self._clocks.monotonic()),
            clocks=self._clocks,
        )
        try:
            value = conversation.ask(request, shape).value
        except ApiError as error:
            answer = conversation.attempts[-1].answer if conversation.attempts else None
            failure = _told(error, answer, (secret, self._integration.client_secret.reveal()))
        else:
            assert value is not None  # neither question has an answer without a body
            return value
        finally:
            conversation.transport.close()
        # Raised out here, where the first error, which may quote an answer that repeats a secret, is not its context.
        raise failure


def _none(_: str) -> None:
    """Requests for tokens show theirs in the body."""


def _told(error: ApiError, answer: Answer | None, secrets: tuple[str, ...]) -> ApiError:
    """The error with what the answer hints at, and without any secret that the answer repeats.

    A refusal that is not the API's own, such as a proxy's page, says nothing about the tokens.
    """
    problem = read_problem(answer) if answer else None
    kind = Unavailable if problem is None and isinstance(error, Unauthorized | InvalidRequest) else type(error)
    hint = (problem or {}).get("hint")
    message = f"{error.message} {describe({'detail': hint})}." if isinstance(hint, str) else error.message
    for secret in secrets:
        # By its beginning: of a long one that an answer repeats, the message may hold no more than a part.
        message = re.sub(rf"{re.escape(secret[:16])}\S*", "***", message)
    return kind(message, request=error.request, status=error.status, request_id=error.request_id)
