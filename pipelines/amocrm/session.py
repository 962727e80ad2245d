"""One load's talk with one host: tries, pauses, keeps every answer.

What is asked is said in ``client``, ``writes``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from pipelines.amocrm.http import NoResponse, Transport
from pipelines.amocrm.limits import BLOCK_DURATION, Limits, RequestQuota, RetryPolicy
from pipelines.amocrm.messages import Request, Response, WriteAttempt
from pipelines.amocrm.models import Json, RawResponse
from pipelines.amocrm.protocol import Document, Failed, NoContent, Retry, interpret, malformed_response, no_response
from pipelines.amocrm.rate_limiter import RateLimiter
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.checks import is_visible_ascii
from pipelines.base.clock import Clock
from pipelines.base.errors import Blocked, Unauthorized, Unavailable

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedResponse(Generic[Parsed]):
    """What a request came to. ``value`` is None where the API says that there is nothing."""

    value: Parsed | None
    sequence: int  # of the answer; of a write the place of its attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedResponse:
    """An answer that came, and its place among the answers; of one to a write the place of its attempt."""

    response: Response
    sequence: int


@dataclass(kw_only=True, slots=True)
class Session:
    """Requests and answers of one load, within its budget and at its host's pace."""

    transport: Transport
    token: Callable[[], str]
    rate_limiter: RateLimiter
    limits: Limits
    quota: RequestQuota
    clock: Clock
    request_count: int = 0
    responses: list[RawResponse] = field(default_factory=list)  # to all but writes
    attempts: list[WriteAttempt] = field(default_factory=list)  # of writes, in order
    host_date: str | None = None  # the newest answer's Date header
    documents: dict[int, Json] = field(default_factory=dict)  # parsed bodies, by the answers' sequence numbers
    pending: dict[tuple[str, int | None], ReceivedResponse | Retry | Failed] = field(default_factory=dict)
    """What came of requests that were sent and not read yet, by path and pass."""

    def send(
        self, request: Request, parse: Callable[[Json], Parsed], *, pass_number: int | None = None
    ) -> ParsedResponse[Parsed]:
        """Send ``request`` until an answer can be used, and give its document the shape of its resource.

        ``shape`` raises ``Misshapen`` where it cannot. Raises the errors of ``ApiError``.
        """
        retries = RetryPolicy(self.limits, self.clock.random)
        received = self.pending.pop((request.path, pass_number), None)
        is_counted = request.is_retryable and not request.is_single_entity
        while True:
            if received is None:
                self._acquire_slot(request, is_counted=is_counted)
                received = self._send_request(request, pass_number)
            is_counted = True
            interpretation = (
                self._parse_response(received, request, parse) if isinstance(received, ReceivedResponse) else received
            )
            received = None
            match interpretation:
                case ParsedResponse():
                    return interpretation
                case Failed(error=Blocked() as error):
                    self.rate_limiter.block_until(self.clock.monotonic() + BLOCK_DURATION.total_seconds())
                    raise error
                case Failed():
                    raise interpretation.error
                case Retry():
                    self._wait_before_retry(
                        interpretation, retries.wait_after(interpretation.reason, interpretation.wait)
                    )

    def send_once(self, request: Request, *, pass_number: int | None = None) -> RawResponse | None:
        """Send ``request`` once, and leave what comes of it for ``ask`` to read; None where that is no whole answer."""
        self._acquire_slot(request, is_counted=True)
        received = self._send_request(request, pass_number)
        self.pending[request.path, pass_number] = received
        return (
            self.responses[received.sequence]
            if isinstance(received, ReceivedResponse) and not received.response.defect
            else None
        )

    def accept(self, sequences: set[int], *, replacing: Callable[[RawResponse], bool]) -> None:
        """Mark answers as those to read the snapshot from, in place of the ones that ``instead_of`` is true for."""
        for index, response in enumerate(self.responses):
            is_accepted = response.sequence in sequences or (response.is_accepted and not replacing(response))
            if is_accepted != response.is_accepted:
                self.responses[index] = replace(response, is_accepted=is_accepted)

    def _acquire_slot(self, request: Request, *, is_counted: bool) -> None:
        """Wait for the host's pace, and see that the load may ask at all."""
        now = self.clock.monotonic()
        if blocked_seconds := self.rate_limiter.seconds_blocked(now):
            raise Blocked(
                f"The host blocked this address; nothing is asked for another {blocked_seconds / 60:.0f} minutes.",
                request=str(request),
            )
        if is_counted and not self.quota.take_request():
            raise Unavailable(f"The load has used up its {self.limits.requests} requests.", request=str(request))
        for rate_limiter in self.rate_limiter.limiter_chain():
            self._wait_for_limiter(rate_limiter, request)

    def _wait_for_limiter(self, rate_limiter: RateLimiter, request: Request) -> None:
        now = self.clock.monotonic()
        wait = rate_limiter.reserve(now)
        # A write is begun only where there is time to hear what became of it.
        needed_seconds = wait if request.is_retryable else wait + self.limits.response_seconds
        if needed_seconds > self.quota.seconds_left(now):
            raise Unavailable(
                f"The load would take longer than {self.limits.load_seconds:.0f} seconds.", request=str(request)
            )
        if wait:
            self.clock.sleep(wait)

    def _send_request(self, request: Request, pass_number: int | None) -> ReceivedResponse | Retry | Failed:
        token = self._sendable_token(request)
        seconds = min(self.limits.response_seconds, self.quota.seconds_left(self.clock.monotonic()))
        if seconds < (0.001 if request.is_retryable else self.limits.response_seconds):
            return Failed(error=Unavailable("The load's time was used up by getting a token.", request=str(request)))
        self.request_count += 1
        sent_at = self.clock.now()
        try:
            response = self.transport.send(request, token, seconds=seconds)
        except NoResponse as error:
            if error.is_sent and not request.is_retryable:
                self._record_attempt(None, request, sent_at)
            return no_response(request, str(error), is_transient=error.is_transient, is_sent=error.is_sent)
        self.host_date = response.headers.get("date", self.host_date)
        if request.is_retryable:
            sequence = self._record(response, request, pass_number)
        else:
            sequence = self._record_attempt(response, request, sent_at)
        return ReceivedResponse(response=response, sequence=sequence)

    def _parse_response(
        self, received: ReceivedResponse, request: Request, parse: Callable[[Json], Parsed]
    ) -> ParsedResponse[Parsed] | Retry | Failed:
        match interpret(received.response, request):
            case Document(value=document):
                try:
                    value = parse(document)
                except InvalidRecord as error:
                    return malformed_response(received.response, request, str(error))
                if request.is_retryable:
                    self.documents[received.sequence] = document
                return ParsedResponse(value=value, sequence=received.sequence)
            case NoContent():
                return ParsedResponse(value=None, sequence=received.sequence)
            case interpretation:
                return interpretation

    def _record(self, response: Response, request: Request, pass_number: int | None) -> int:
        sequence = len(self.responses)
        self.responses.append(
            RawResponse(
                sequence=sequence,
                resource=request.resource,
                thing_id=request.thing_id,
                page=request.page,
                pass_number=pass_number,
                is_accepted=False,
                path=request.path,
                status=response.status,
                content_type=response.content_type,
                request_id=response.request_id,
                received_at=self.clock.now(),
                body=response.body,
                body_hash=hashlib.sha256(response.body).digest(),
            )
        )
        return sequence

    def _record_attempt(self, response: Response | None, request: Request, sent_at: datetime) -> int:
        self.attempts.append(
            WriteAttempt(request=request, sent_at=sent_at, finished_at=self.clock.now(), response=response)
        )
        return len(self.attempts) - 1

    def _wait_before_retry(self, interpretation: Retry, seconds: float | None) -> None:
        """Wait before the next try, or raise the outcome's error where there is none."""
        now = self.clock.monotonic()
        if seconds is None or seconds >= self.quota.seconds_left(now):
            raise interpretation.error
        if interpretation.reason == "token":
            refresh: Callable[[], object] | None = getattr(self.token, "refresh", None)
            if refresh is None:
                raise interpretation.error
            refresh()
        if interpretation.reason == "rate limit":
            self.rate_limiter.hold_until(now + seconds)
        self.clock.sleep(seconds)

    def _sendable_token(self, request: Request) -> str:
        """The token, unless no header can carry it: a library's complaint about a header would show it."""
        token = self.token()
        if not is_visible_ascii(token):
            raise Unauthorized("The token is empty, or holds characters that no token has.", request=str(request))
        return token
