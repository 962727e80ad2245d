"""What has to happen to one thing so that it is as it is wanted, by the page's rules. Calls are made in ``plan``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, Generic
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Field, Segment, Stage
from pipelines.manage import rules
from pipelines.manage.calls import Action, Change, Edit
from pipelines.manage.desired import DesiredSegment, DesiredStage, DesiredValue, color
from pipelines.manage.identify import Live, Wanted
from pipelines.manage.mistakes import Mistakes
from pipelines.manage.references import find_field, label
from pipelines.manage.spelling import spelled, spelled_text
from pipelines.manage.values import Content, content_of, read_content, sent, written

FIELDS: Final = "custom_fields_values"
PRICES: Final = "available_products_price_types"


class Comparison(ABC, Generic[Wanted, Live]):
    """Compares things of one kind with what is wanted of them. What breaks a rule is noted in ``mistakes``."""

    kind: ClassVar[Kind]

    def __init__(self, source: str, mistakes: Mistakes) -> None:
        self._source = source
        self.mistakes = mistakes

    def addition(self, wanted: Wanted) -> Change:
        """The thing to add."""
        if wanted.id is None and (lack := rules.missing_properties(self.kind, wanted)):
            self._wrong(wanted, lack)
        gone = f"as the successor of id {wanted.replaces}, which is gone" if wanted.replaces else ""
        return Change(
            kind=self.kind,
            action="add",
            thing_id=None,
            name=wanted.name,
            edits=(*self._common_edits(wanted, None), *self._edits(wanted, None)),
            why=f"{self._where(wanted)} wants it, {gone or 'and there is none of this name'}",
            replaces=wanted.replaces,
        )

    def change(self, wanted: Wanted, live: Live) -> Change | None:
        """What to change in a thing; None where it is as wanted."""
        edits = (*self._common_edits(wanted, live), *self._edits(wanted, live))
        why = f"{self._where(wanted)} wants it otherwise"
        return self._change_of(live, "change", edits, why) if edits else None

    def deletion(self, live: Live, wanted: Wanted | None = None) -> Change:
        """The end of a thing, with all that it holds: ``wanted``, or else because a complete list does not have it."""
        if wanted is None:
            why = f"{self._source} has a complete list without it"
        else:
            why = f"{self._where(wanted)} says so"
            if reason := self.undeletable(live):
                self._wrong(wanted, reason)
        shown = color(self.kind, live.color)
        lost = (Edit(property="color", shown="color", old=shown and spelled_text(shown), new=None), *self._lost(live))
        edits = tuple(edit for edit in lost if edit.old is not None)
        return self._change_of(live, "delete", edits, f"{why}{self._company(live)}")

    def undeletable(self, live: Live) -> str | None:  # noqa: ARG002
        """Why a thing cannot be deleted."""
        return None

    @abstractmethod
    def _edits(self, wanted: Wanted, live: Live | None) -> Iterator[Edit]: ...

    @abstractmethod
    def _lost(self, live: Live) -> Iterator[Edit]: ...

    @abstractmethod
    def _company(self, live: Live) -> str: ...

    def _common_edits(self, wanted: Wanted, live: Live | None) -> Iterator[Edit]:
        if wanted.name is not None and (live is None or live.name != wanted.name):
            if wrong := rules.wrong_text(wanted.name):
                self._wrong(wanted, wrong)
            yield _text_edit("name", live.name if live else None, wanted.name)
        old = color(self.kind, live.color) if live else None
        if wanted.color is not None and wanted.color != old:
            if wrong := rules.wrong_color(self.kind, wanted.color):
                self._wrong(wanted, wrong)
            yield _text_edit("color", old, wanted.color)

    def _change_of(self, live: Live, action: Action, edits: tuple[Edit, ...], why: str) -> Change:
        return Change(kind=self.kind, action=action, thing_id=live.id, name=live.name, edits=edits, why=why)

    def _where(self, wanted: Wanted) -> str:
        return f"line {wanted.line} of {self._source}" if wanted.line else self._source

    def _wrong(self, wanted: Wanted, what: str, line: int | None = None) -> None:
        self.mistakes.add(f"{self.kind} {wanted.shown}: {what}", line=line or wanted.line)


class StageComparison(Comparison[DesiredStage, Stage]):
    """Stages have a place among each other."""

    kind = "stage"

    def undeletable(self, live: Stage) -> str | None:
        """System stages stay."""
        return rules.undeletable(live)

    def _edits(self, wanted: DesiredStage, live: Stage | None) -> Iterator[Edit]:
        old = live.sort if live else None
        if wanted.sort is not None and wanted.sort != old:
            shown = None if old is None else str(old)
            yield Edit(property="sort", shown="sort", old=shown, new=str(wanted.sort), sent=wanted.sort)

    def _lost(self, live: Stage) -> Iterator[Edit]:
        yield Edit(property="sort", shown="sort", old=None if live.sort is None else str(live.sort), new=None)

    def _company(self, live: Stage) -> str:
        return f"; its {len(live.rules)} rule(s) go with it" if live.rules else ""


class SegmentComparison(Comparison[DesiredSegment, Segment]):
    """Segments have prices and custom fields. ``fields`` are the account's, ``zone`` is its timezone."""

    kind = "segment"

    def __init__(self, source: str, mistakes: Mistakes, fields: Sequence[Field], zone: ZoneInfo) -> None:
        super().__init__(source, mistakes)
        self._fields = fields
        self._zone = zone

    def _edits(self, wanted: DesiredSegment, live: Segment | None) -> Iterator[Edit]:
        old = live.price_field_ids if live else ()
        if wanted.price_field_ids is not None and wanted.price_field_ids != old:
            yield _price_edit(old, wanted.price_field_ids)
        contents = self._contents(live) if live else {}
        filled = {field_id for field_id, content in contents.items() if content is not None}
        for field, content in self._wanted_contents(wanted):
            if content == contents.get(field.id):
                continue
            (filled.discard if content is None else filled.add)(field.id)
            yield Edit(
                property=FIELDS,
                shown=_called(field),
                field_id=field.id,
                old=self._shown(field, contents.get(field.id)),
                new=self._shown(field, content),
                sent=sent(field, content, self._zone),
            )
        if wanted.values and len(filled) > rules.MOST_FIELDS:
            self._wrong(wanted, f"{len(filled)} of its fields would be filled; amoCRM allows {rules.MOST_FIELDS}")

    def _lost(self, live: Segment) -> Iterator[Edit]:
        yield _price_edit(live.price_field_ids, ())
        contents = self._contents(live)
        for field in self._fields:
            old = self._shown(field, contents[field.id])
            yield Edit(property=FIELDS, shown=_called(field), field_id=field.id, old=old, new=None)

    def _company(self, live: Segment) -> str:
        return f"; {live.customers_count} customer(s) are in it" if live.customers_count else ""

    def _contents(self, live: Segment) -> dict[int, Content]:
        return {
            field.id: content_of(field, [value for value in live.field_values if value.field_id == field.id])
            for field in self._fields
        }

    def _wanted_contents(self, wanted: DesiredSegment) -> Iterator[tuple[Field, Content]]:
        """Every field that is mentioned, with what it shall hold. What cannot be understood is noted."""
        mentioned: dict[int, DesiredValue] = {}
        for value in wanted.values:
            line, called = value.field.line, f"field '{value.field.text}'"
            try:
                field = find_field(self._fields, value.field)
            except ValueError as error:
                self._wrong(wanted, str(error), line)
                continue
            if field.id in mentioned:
                self._wrong(wanted, f"{called} is '{mentioned[field.id].field.text}', which is written too", line)
            mentioned[field.id] = value
            try:
                yield field, read_content(field, value.value, self._zone)
            except ValueError as error:
                self._wrong(wanted, f"{called}: {error}", line)

    def _shown(self, field: Field, content: Content) -> str | None:
        return None if content is None else spelled(written(field, content, self._zone))


def _text_edit(name: str, old: str | None, new: str) -> Edit:
    return Edit(
        property=name, shown=name, old=None if old is None else spelled_text(old), new=spelled_text(new), sent=new
    )


def _price_edit(old: Sequence[int], new: Sequence[int]) -> Edit:
    shown_old, shown_new = (str(list(ids)) if ids else None for ids in (old, new))
    return Edit(property=PRICES, shown="price_field_ids", old=shown_old, new=shown_new, sent=list(new))


def _called(field: Field) -> str:
    return label(field) or str(field.id)
