"""What can be asked of one account: itself, its stages, segments and fields, as lists and one by one.

How asking goes, when it is tried again and what is kept of it is ``conversation``'s subject, changing things that of
``writes``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from pipelines.amocrm.account import read_account
from pipelines.amocrm.conversation import Clocks, Conversation, Reply
from pipelines.amocrm.limits import GATES, Budget, Gates, Limits
from pipelines.amocrm.messages import account_request, list_request, thing_request
from pipelines.amocrm.oddities import Notes
from pipelines.amocrm.paging import Row, WholeList, assemble, passes, read_page
from pipelines.amocrm.records import Account, Json, RawAnswer, Resource
from pipelines.amocrm.said import Said
from pipelines.amocrm.shape import Misshapen, row_id
from pipelines.amocrm.transport import Transport
from pipelines.amocrm.writes import Writes
from pipelines.errors import IncompleteList, MalformedAnswer, NotFound


class AmoClient:
    """One load's, or one command's, conversation with one account. Every method raises the errors of ``ApiError``.

    ``base_url`` comes from ``host.parse_host``. ``token`` gives the access token whenever one is needed; where it also
    has a method ``refresh``, that is called once after a 401, and where it has a method ``find``, that one is asked for
    another base URL when the account is not where it was. ``account_key`` is the account's name in error messages. A
    ``transport`` that is passed in serves one client after another, and stays open.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        account_key: str | None = None,
        limits: Limits | None = None,
        gates: Gates = GATES,
        transport: Transport | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        limits, clocks = limits or Limits(), clocks or Clocks()
        self.account_key = account_key
        self._gates = gates
        self._is_transport_ours = transport is None
        self._pass_counts: Counter[Resource] = Counter()  # readings of each list so far
        self._conversation = Conversation(
            transport=transport or Transport(base_url, limits=limits),
            token=token,
            gate=gates.of(base_url, limits),
            limits=limits,
            budget=Budget(limits, started=clocks.monotonic()),
            clocks=clocks,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, unless it was passed in."""
        if self._is_transport_ours:
            self._conversation.transport.close()

    @property
    def base_url(self) -> str:
        """Where the account is."""
        return self._conversation.transport.base_url

    @property
    def writes(self) -> Writes:
        """The calls that change the account's stages and segments."""
        return Writes(self._conversation)

    @property
    def answers(self) -> tuple[RawAnswer, ...]:
        """Every answer received but those to writes, in order; accepted is the newest whole reading of each thing."""
        return tuple(self._conversation.answers)

    @property
    def documents(self) -> Mapping[int, Json]:
        """The parsed bodies of usable answers, by sequence number."""
        return self._conversation.documents

    @property
    def host_date(self) -> str | None:
        """What amoCRM's newest answer gave as its time, as the header has it."""
        return self._conversation.host_date

    @property
    def request_count(self) -> int:
        """Requests sent, those without an answer included."""
        return self._conversation.request_count

    def says_again(self, said: Sequence[Said]) -> bool:
        """Ask what was asked before, as long as each answer is the same byte for byte; whether all of them were.

        Then they are accepted as they were before. Otherwise the readings that follow begin with those answers.
        """
        accepted: set[int] = set()
        for one in said:
            answer = self._conversation.hear(one.request, pass_number=one.pass_number)
            if answer is None or Said.of(answer) != replace(one, is_accepted=False):
                return False
            if one.is_accepted:
                accepted.add(answer.sequence)
        self._conversation.accept(accepted, instead_of=lambda _: False)
        return True

    def account(self) -> Account:
        """The account. Asked again, both answers are kept, so that a snapshot can tell that it stayed the same."""
        try:
            reply = self._ask_for_account()
        except NotFound:
            if not self._has_followed():
                raise
            reply = self._ask_for_account()
        if reply.value is None:
            raise MalformedAnswer("amoCRM answered nothing about the account.")
        self._conversation.accept({reply.sequence}, instead_of=lambda _: False)
        return reply.value

    def _ask_for_account(self) -> Reply[Account]:
        return self._conversation.ask(account_request(), lambda document: read_account(document, Notes()))

    def _has_followed(self) -> bool:
        """Whether the account was found under another name, where the conversation then goes on."""
        find: Callable[[], str | None] | None = getattr(self._conversation.token, "find", None)
        found = find() if find else None
        if found in (None, self.base_url):
            return False
        self._conversation.transport.move(found)
        self._conversation.gate = self._gates.of(found, self._conversation.limits)
        return True

    def stages(self) -> WholeList:
        """All stages. Raises ``ModeDisagreement`` where the account is not in recurring purchases mode."""
        return self.read_list("stages")

    def segments(self) -> WholeList:
        """All segments. Raises ``ModeDisagreement`` where the account is not in dynamic segmentation mode."""
        return self.read_list("segments")

    def fields(self) -> WholeList:
        """All custom fields of segments, with their options."""
        return self.read_list("fields")

    def stage(self, stage_id: int) -> Row | None:
        """One stage; None where the API says that it is gone."""
        return self.thing("stage", stage_id)

    def segment(self, segment_id: int) -> Row | None:
        """One segment; None where the API says that it is gone."""
        return self.thing("segment", segment_id)

    def field(self, field_id: int) -> Row | None:
        """One field; None where the API says that it is gone."""
        return self.thing("field", field_id)

    def read_list(self, resource: Resource) -> WholeList:
        """A list, read until it is certainly whole. Raises ``IncompleteList`` where it never is."""
        earlier = self._pass_counts[resource]
        sequences: dict[int, set[int]] = {}
        reading = passes()
        try:
            ask = next(reading)
            while True:
                reply = self._conversation.ask(
                    list_request(resource, ask.page),
                    partial(read_page, resource=resource, asked=ask.page),
                    pass_number=earlier + ask.pass_number,
                )
                sequences.setdefault(ask.pass_number, set()).add(reply.sequence)
                ask = reading.send(reply.value)
        except StopIteration as done:
            self._pass_counts[resource] += ask.pass_number
            self._conversation.accept(sequences[ask.pass_number], instead_of=lambda answer: answer.resource == resource)
            return assemble(done.value)
        except IncompleteList as error:
            error.request = error.request or str(list_request(resource, ask.page))
            raise

    def thing(self, resource: Resource, thing_id: int) -> Row | None:
        """One thing by its id; None where the API says that it is gone."""
        reply = self._conversation.ask(
            thing_request(resource, thing_id), partial(_one, resource=resource, thing_id=thing_id)
        )
        self._conversation.accept(
            {reply.sequence}, instead_of=lambda answer: (answer.resource, answer.thing_id) == (resource, thing_id)
        )
        return reply.value


def _one(document: Json, resource: Resource, thing_id: int) -> Row:
    """The row of a thing, if it is the one that was asked for."""
    if row_id(document, resource) != thing_id:
        raise Misshapen(f"another {resource} came than was asked for")
    row: Row = document
    return row
