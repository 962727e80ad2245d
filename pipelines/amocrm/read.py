"""From raw answers to a snapshot: a pure function, so that it can be made again from what was kept. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.amocrm import strict_json
from pipelines.amocrm.account import read_account
from pipelines.amocrm.oddities import Notes
from pipelines.amocrm.paging import Page, Row, WholeList, assemble, read_page
from pipelines.amocrm.recall import Memory, read_new_segments
from pipelines.amocrm.records import Account, Json, Mode, RawAnswer, Resource, Segment, Snapshot, UnreadSegment
from pipelines.amocrm.shape import Misshapen
from pipelines.amocrm.things import Reading, read_field, read_segment, read_stage
from pipelines.errors import IncompleteList, MalformedAnswer, ModeDisagreement, WrongAccount

LISTS_OF_MODE: Mapping[Mode, tuple[Resource, ...]] = {
    "segments": ("segments", "fields"),
    "periodicity": ("stages",),
    "disabled": (),
    "unavailable": (),
}
"""What there is to read in each mode; modes exclude each other."""

MOST: Mapping[Resource, int] = {"stages": 30, "segments": 100, "fields": 30}
"""How many things of each kind an account can have, by the vendor's page."""

GONE = frozenset({204, 404})
"""Statuses by which the API says that a thing is not there. The client accepts a 404 only as the API's own word."""


def read_snapshot(
    answers: Sequence[RawAnswer], observed_at: datetime, *, documents: Mapping[int, Json] | None = None
) -> Snapshot:
    """The snapshot that the accepted ones of ``answers`` show.

    ``documents`` are bodies that were parsed already, by the answers' sequence numbers.

    Raises ``MalformedAnswer`` where an answer cannot be used, ``IncompleteList`` where a list of the account's mode is
    missing or not whole, ``WrongAccount`` and ``ModeDisagreement`` where answers are about several accounts or modes.
    """
    with _unusable_answers_told():
        return _Reader(answers, documents or {}).snapshot(observed_at)


def read_recalling(
    answers: Sequence[RawAnswer],
    observed_at: datetime,
    memory: Memory,
    *,
    documents: Mapping[int, Json] | None = None,
) -> tuple[Snapshot, Memory]:
    """The same, but segments that ``memory`` holds are left unread; with what the next load may recall.

    The memory is that of the account that the answers are about. Raises what ``read_snapshot`` does.
    """
    with _unusable_answers_told():
        reader = _Reader(answers, documents or {}, memory)
        return reader.snapshot(observed_at), reader.recalled


@contextmanager
def _unusable_answers_told() -> Iterator[None]:
    try:
        yield
    except (Misshapen, strict_json.NotStrictJson) as error:
        raise MalformedAnswer(f"amoCRM's answer cannot be used: {error}.") from None


class _Reader:
    """The accepted answers by resource, and what is noticed while they are read."""

    def __init__(
        self, answers: Sequence[RawAnswer], documents: Mapping[int, Json], memory: Memory | None = None
    ) -> None:
        self.recalled: Memory = {}  # what the next reading may recall
        self._memory = memory  # None where every segment is to be read
        self._notes = Notes()
        self._documents = documents
        self._accepted: dict[Resource, list[RawAnswer]] = {}
        for answer in answers:
            if answer.is_accepted:
                self._accepted.setdefault(answer.resource, []).append(answer)

    def snapshot(self, observed_at: datetime) -> Snapshot:
        account = self._account()
        reading = Reading(account_id=account.id, timezone=ZoneInfo(account.timezone), notes=self._notes)
        rows = {resource: self._list(resource).rows for resource in LISTS_OF_MODE[account.mode]}
        stages = tuple(read_stage(row, reading) for row in rows.get("stages", {}).values())
        segments, unread_segments = self._segments(rows.get("segments", {}), reading)
        fields = tuple(read_field(row, reading) for row in rows.get("fields", {}).values())
        self._note_repeated_types([stage.type for stage in stages if stage.is_default])
        return Snapshot(
            account=account,
            observed_at=observed_at,
            stages=tuple(sorted(stages, key=lambda stage: stage.id)),
            segments=tuple(sorted(segments, key=lambda segment: segment.id)),
            unread_segments=unread_segments,
            fields=tuple(sorted(fields, key=lambda field: field.id)),
            gone_stage_ids=self._asked("stage", is_gone=True),
            gone_segment_ids=self._asked("segment", is_gone=True),
            gone_field_ids=self._asked("field", is_gone=True),
            asked_field_ids=self._asked("field", is_gone=False),
            oddities=self._notes.all(),
        )

    def _account(self) -> Account:
        """The account as it was first; where it was asked for again, it must still be the same in the same mode."""
        found = [read_account(self._document(answer), self._notes) for answer in self._accepted.get("account", ())]
        if not found:
            raise Misshapen("there is none about the account")
        for other in found[1:]:
            if other.id != found[0].id:
                raise WrongAccount(f"Account {found[0].id} turned into account {other.id} during the load.")
            if other.mode != found[0].mode:
                raise ModeDisagreement(f"The mode changed from '{found[0].mode}' to '{other.mode}' during the load.")
        return found[0]

    def _segments(
        self, rows: Mapping[int, Row], reading: Reading
    ) -> tuple[tuple[Segment, ...], tuple[UnreadSegment, ...]]:
        if self._memory is None:
            return tuple(read_segment(row, reading) for row in rows.values()), ()
        recalled = read_new_segments(rows, reading, self._memory)
        self.recalled = recalled.memory
        return recalled.read, recalled.unread

    def _list(self, resource: Resource) -> WholeList:
        answers = self._accepted.get(resource, [])
        if [answer.page for answer in answers] != list(range(1, len(answers) + 1)) or not answers:
            raise IncompleteList(f"The list of {resource} is missing, or lacks pages.")
        whole = assemble([self._page(answer) for answer in answers if answer.status == 200])
        for thing_id in whole.duplicate_ids:
            self._notes.add("duplicate_row", resource.removesuffix("s"), thing_id, "the list shows it more than once")
        if whole.is_total_wrong:
            self._notes.add("totals_mismatch", "list", 0, f"the list of {resource} counts other than it holds")
        if len(whole.rows) > MOST[resource]:
            self._notes.add("over_documented_limit", "list", 0, f"there are more than {MOST[resource]} {resource}")
        return whole

    def _page(self, answer: RawAnswer) -> Page:
        return read_page(self._document(answer), answer.resource, answer.page or 1)

    def _document(self, answer: RawAnswer) -> Json:
        if "json" not in (answer.content_type or ""):
            thing = "account" if answer.resource == "account" else "list"
            self._notes.add("content_type", thing, 0, f"an answer about {answer.resource} does not call itself JSON")
        if answer.sequence in self._documents:
            return self._documents[answer.sequence]
        return strict_json.parse(answer.body)

    def _asked(self, resource: Resource, *, is_gone: bool) -> frozenset[int]:
        return frozenset(
            answer.thing_id
            for answer in self._accepted.get(resource, ())
            if answer.thing_id is not None and (answer.status in GONE) == is_gone
        )

    def _note_repeated_types(self, types: Sequence[int | None]) -> None:
        for kind in {kind for kind in types if kind and types.count(kind) > 1}:
            self._notes.add("type_contradicts_page", "stage", 0, f"several system stages have type {kind}")
