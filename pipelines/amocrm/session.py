"""HTTP session of one load: retries, rate limiting, and a log of every response."""

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
    """Result of a request. ``value`` is None if the API has no content."""

    value: Parsed | None
    sequence: int  # index in ``responses``, or of a write in ``attempts``


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedResponse:
    """Response and its index in ``responses``, or of a write in ``attempts``."""

    response: Response
    sequence: int


@dataclass(kw_only=True, slots=True)
class Session:
    """Requests and responses of one load, within its quota and its rate limits."""

    transport: Transport
    token: Callable[[], str]
    rate_limiter: RateLimiter
    limits: Limits
    quota: RequestQuota
    clock: Clock
    keeps_responses: bool = True  # false: no body outlives its request
    request_count: int = 0
    responses: list[RawResponse] = field(default_factory=list)  # except those to writes
    attempts: list[WriteAttempt] = field(default_factory=list)  # of writes, in order
    host_date: str | None = None  # Date header of the latest response
    documents: dict[int, Json] = field(default_factory=dict)  # parsed bodies, by sequence number
    pending: dict[tuple[str, int | None], ReceivedResponse | Retry | Failed] = field(default_factory=dict)
    """Results of ``send_once`` that ``send`` has not used yet, by path and pass."""

    def send(
        self, request: Request, parse: Callable[[Json], Parsed], *, pass_number: int | None = None
    ) -> ParsedResponse[Parsed]:
        """Send ``request`` with retries until a response is usable, and parse it.

        ``parse`` raises ``InvalidRecord`` for an invalid document. Raises the errors of
        ``ApiError``.
        """
        retries = RetryPolicy(self.limits, self.clock.random)
        received = self.pending.pop((request.path, pass_number), None)
        is_counted = request.is_read and not request.is_single_entity
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
        """Send ``request`` once and keep the result for ``send``; return None if the response is incomplete."""
        self._acquire_slot(request, is_counted=True)
        received = self._send_request(request, pass_number)
        self.pending[request.path, pass_number] = received
        return (
            self.responses[received.sequence]
            if isinstance(received, ReceivedResponse) and not received.response.defect
            else None
        )

    def accept(self, sequences: set[int], *, replacing: Callable[[RawResponse], bool]) -> None:
        """Mark responses as those of the snapshot, and unmark the ones for which ``replacing`` is true."""
        for index, response in enumerate(self.responses):
            is_accepted = response.sequence in sequences or (response.is_accepted and not replacing(response))
            if is_accepted != response.is_accepted:
                self.responses[index] = replace(response, is_accepted=is_accepted)

    def _acquire_slot(self, request: Request, *, is_counted: bool) -> None:
        """Use up quota and wait for the rate limiters. Raises ``Blocked`` and ``Unavailable``."""
        now = self.clock.monotonic()
        if blocked_seconds := self.rate_limiter.seconds_blocked(now):
            raise Blocked(
                f"The host blocked this address; no request is sent for another {blocked_seconds / 60:.0f} minutes.",
                request=str(request),
            )
        if is_counted and not self.quota.take_request():
            raise Unavailable(f"The load has used up its {self.limits.requests} requests.", request=str(request))
        for rate_limiter in self.rate_limiter.limiter_chain():
            self._wait_for_limiter(rate_limiter, request)

    def _wait_for_limiter(self, rate_limiter: RateLimiter, request: Request) -> None:
        """Wait for a slot of one limiter.

        Raises ``Unavailable`` if the load's time would run out.
        """
        now = self.clock.monotonic()
        wait = rate_limiter.reserve(now)
        # Start a write only if there is time to receive its response.
        needed_seconds = wait if request.is_read else wait + self.limits.response_seconds
        if needed_seconds > self.quota.seconds_left(now):
            raise Unavailable(
                f"The load would take longer than {self.limits.load_seconds:.0f} seconds.", request=str(request)
            )
        if wait:
            self.clock.sleep(wait)

    def _send_request(self, request: Request, pass_number: int | None) -> ReceivedResponse | Retry | Failed:
        """Send ``request`` once and record the response; a failure without a response becomes an outcome."""
        token = self._sendable_token(request)
        seconds = min(self.limits.response_seconds, self.quota.seconds_left(self.clock.monotonic()))
        if seconds < (0.001 if request.is_read else self.limits.response_seconds):
            return Failed(error=Unavailable("The load's time ran out while getting a token.", request=str(request)))
        self.request_count += 1
        sent_at = self.clock.now()
        try:
            response = self.transport.send(request, token, seconds=seconds)
        except NoResponse as error:
            if error.is_sent and not request.is_read:
                self._record_attempt(None, request, sent_at)
            return no_response(request, str(error), is_transient=error.is_transient, is_sent=error.is_sent)
        self.host_date = response.headers.get("date", self.host_date)
        if request.is_read:
            sequence = self._record(response, request, pass_number)
        else:
            sequence = self._record_attempt(response, request, sent_at)
        return ReceivedResponse(response=response, sequence=sequence)

    def _parse_response(
        self, received: ReceivedResponse, request: Request, parse: Callable[[Json], Parsed]
    ) -> ParsedResponse[Parsed] | Retry | Failed:
        """Interpret a response and parse its document."""
        match interpret(received.response, request):
            case Document(value=document):
                try:
                    value = parse(document)
                except InvalidRecord as error:
                    return malformed_response(received.response, request, str(error))
                if request.is_read and self.keeps_responses:
                    self.documents[received.sequence] = document
                return ParsedResponse(value=value, sequence=received.sequence)
            case NoContent():
                return ParsedResponse(value=None, sequence=received.sequence)
            case interpretation:
                return interpretation

    def _record(self, response: Response, request: Request, pass_number: int | None) -> int:
        """Append a response to the log and return its sequence number."""
        sequence = len(self.responses)
        if not self.keeps_responses:
            return sequence
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
        """Append a write to the log and return its index."""
        self.attempts.append(
            WriteAttempt(request=request, sent_at=sent_at, finished_at=self.clock.now(), response=response)
        )
        return len(self.attempts) - 1

    def _wait_before_retry(self, interpretation: Retry, seconds: float | None) -> None:
        """Wait before a retry and refresh the token if needed, or raise the error if there is no retry."""
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
        """Return the token. Raises ``Unauthorized`` if no header can carry it: a library's error would show it."""
        token = self.token()
        if not is_visible_ascii(token):
            raise Unauthorized("The token is empty or holds invalid characters.", request=str(request))
        return token
