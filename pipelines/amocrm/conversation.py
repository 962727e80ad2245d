"""One load's talk with one host: tries, pauses, keeps every answer. What is asked is said in ``client``, ``writes``."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pipelines.amocrm.limits import Budget, Gate, Limits, Retries
from pipelines.amocrm.messages import Answer, Attempt, Request
from pipelines.amocrm.protocol import Again, Document, Nothing, Refused, interpret, malformed, unanswered
from pipelines.amocrm.records import Json, RawAnswer
from pipelines.amocrm.shape import Misshapen
from pipelines.amocrm.transport import NoAnswer, Transport
from pipelines.errors import Blocked, Unauthorized, Unavailable

Shaped = TypeVar("Shaped")

_SENDABLE_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clocks:
    """Everything that differs from run to run, so that a test can hold it still."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply(Generic[Shaped]):
    """What a request came to. ``value`` is None where the API says that there is nothing."""

    value: Shaped | None
    sequence: int  # of the answer; of a write the place of its attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer that came, and its place among the answers; of one to a write the place of its attempt."""

    answer: Answer
    sequence: int


@dataclass(kw_only=True, slots=True)
class Conversation:
    """Requests and answers of one load, within its budget and at its host's pace."""

    transport: Transport
    token: Callable[[], str]
    gate: Gate
    limits: Limits
    budget: Budget
    clocks: Clocks
    request_count: int = 0
    answers: list[RawAnswer] = field(default_factory=list)  # to all but writes
    attempts: list[Attempt] = field(default_factory=list)  # of writes, in order
    host_date: str | None = None  # the newest answer's Date header
    documents: dict[int, Json] = field(default_factory=dict)  # parsed bodies, by the answers' sequence numbers
    unread: dict[tuple[str, int | None], Heard | Again | Refused] = field(default_factory=dict)
    """What came of requests that were sent and not read yet, by path and pass."""

    def ask(
        self, request: Request, shape: Callable[[Json], Shaped], *, pass_number: int | None = None
    ) -> Reply[Shaped]:
        """Send ``request`` until an answer can be used, and give its document the shape of its resource.

        ``shape`` raises ``Misshapen`` where it cannot. Raises the errors of ``ApiError``.
        """
        retries = Retries(self.limits, self.clocks.random)
        heard = self.unread.pop((request.path, pass_number), None)
        is_counted = request.is_repeatable and not request.is_of_thing
        while True:
            if heard is None:
                self._take_turn(request, is_counted=is_counted)
                heard = self._send(request, pass_number)
            is_counted = True
            outcome = self._read(heard, request, shape) if isinstance(heard, Heard) else heard
            heard = None
            match outcome:
                case Reply():
                    return outcome
                case Refused(error=Blocked() as error):
                    self.gate.close(self.clocks.monotonic() + self.limits.block_seconds)
                    raise error
                case Refused():
                    raise outcome.error
                case Again():
                    self._wait(outcome, retries.wait_after(outcome))

    def hear(self, request: Request, *, pass_number: int | None = None) -> RawAnswer | None:
        """Send ``request`` once, and leave what comes of it for ``ask`` to read; None where that is no whole answer."""
        self._take_turn(request, is_counted=True)
        heard = self._send(request, pass_number)
        self.unread[request.path, pass_number] = heard
        return self.answers[heard.sequence] if isinstance(heard, Heard) and not heard.answer.defect else None

    def accept(self, sequences: set[int], *, instead_of: Callable[[RawAnswer], bool]) -> None:
        """Mark answers as those to read the snapshot from, in place of the ones that ``instead_of`` is true for."""
        for index, answer in enumerate(self.answers):
            is_accepted = answer.sequence in sequences or (answer.is_accepted and not instead_of(answer))
            if is_accepted != answer.is_accepted:
                self.answers[index] = replace(answer, is_accepted=is_accepted)

    def _take_turn(self, request: Request, *, is_counted: bool) -> None:
        """Wait for the host's pace, and see that the load may ask at all."""
        now = self.clocks.monotonic()
        if closed := self.gate.seconds_closed(now):
            raise Blocked(
                f"The host blocked this address; nothing is asked for another {closed / 60:.0f} minutes.",
                request=str(request),
            )
        if is_counted and not self.budget.take_request():
            raise Unavailable(f"The load has used up its {self.limits.requests} requests.", request=str(request))
        for gate in self.gate.in_order():
            self._wait_at(gate, request)

    def _wait_at(self, gate: Gate, request: Request) -> None:
        now = self.clocks.monotonic()
        pause = gate.reserve(now)
        # A write is begun only where there is time to hear what became of it.
        needed = pause if request.is_repeatable else pause + self.limits.answer_seconds
        if needed > self.budget.seconds_left(now):
            raise Unavailable(
                f"The load would take longer than {self.limits.load_seconds:.0f} seconds.", request=str(request)
            )
        if pause:
            self.clocks.sleep(pause)

    def _send(self, request: Request, pass_number: int | None) -> Heard | Again | Refused:
        token = self._sendable_token(request)
        seconds = min(self.limits.answer_seconds, self.budget.seconds_left(self.clocks.monotonic()))
        if seconds < (0.001 if request.is_repeatable else self.limits.answer_seconds):
            return Refused(error=Unavailable("The load's time was used up by getting a token.", request=str(request)))
        self.request_count += 1
        sent_at = self.clocks.now()
        try:
            answer = self.transport.send(request, token, seconds=seconds)
        except NoAnswer as error:
            if error.is_sent and not request.is_repeatable:
                self._keep_attempt(None, request, sent_at)
            return unanswered(request, str(error), is_passing=error.is_passing, is_sent=error.is_sent)
        self.host_date = answer.headers.get("date", self.host_date)
        if request.is_repeatable:
            sequence = self._keep(answer, request, pass_number)
        else:
            sequence = self._keep_attempt(answer, request, sent_at)
        return Heard(answer=answer, sequence=sequence)

    def _read(self, heard: Heard, request: Request, shape: Callable[[Json], Shaped]) -> Reply[Shaped] | Again | Refused:
        match interpret(heard.answer, request):
            case Document(value=document):
                try:
                    shaped = shape(document)
                except Misshapen as error:
                    return malformed(heard.answer, request, str(error))
                if request.is_repeatable:
                    self.documents[heard.sequence] = document
                return Reply(value=shaped, sequence=heard.sequence)
            case Nothing():
                return Reply(value=None, sequence=heard.sequence)
            case outcome:
                return outcome

    def _keep(self, answer: Answer, request: Request, pass_number: int | None) -> int:
        sequence = len(self.answers)
        self.answers.append(
            RawAnswer(
                sequence=sequence,
                resource=request.resource,
                thing_id=request.thing_id,
                page=request.page,
                pass_number=pass_number,
                is_accepted=False,
                path=request.path,
                status=answer.status,
                content_type=answer.content_type,
                request_id=answer.request_id,
                received_at=self.clocks.now(),
                body=answer.body,
                body_hash=hashlib.sha256(answer.body).digest(),
            )
        )
        return sequence

    def _keep_attempt(self, answer: Answer | None, request: Request, sent_at: datetime) -> int:
        self.attempts.append(Attempt(request=request, sent_at=sent_at, answered_at=self.clocks.now(), answer=answer))
        return len(self.attempts) - 1

    def _wait(self, outcome: Again, seconds: float | None) -> None:
        """Wait before the next try, or raise the outcome's error where there is none."""
        now = self.clocks.monotonic()
        if seconds is None or seconds >= self.budget.seconds_left(now):
            raise outcome.error
        if outcome.reason == "token":
            refresh: Callable[[], object] | None = getattr(self.token, "refresh", None)
            if refresh is None:
                raise outcome.error
            refresh()
        if outcome.reason == "rate limit":
            self.gate.hold(now + seconds)
        self.clocks.sleep(seconds)

    def _sendable_token(self, request: Request) -> str:
        """The token, unless no header can carry it: a library's complaint about a header would show it."""
        token = self.token()
        if not _SENDABLE_TOKEN.fullmatch(token):
            raise Unauthorized("The token is empty, or holds characters that no token has.", request=str(request))
        return token
