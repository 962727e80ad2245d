"""Compare one entity with its desired state, and validate the change by the vendor's rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, Generic
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Field, Segment, Stage
from pipelines.writeback import validation
from pipelines.writeback.calls import ChangeAction, PlannedChange, PropertyEdit
from pipelines.writeback.desired import DesiredSegment, DesiredStage, DesiredValue, normalize_color
from pipelines.writeback.field_content import Content, contents_by_field, parse_content, to_api, to_text
from pipelines.writeback.lookup import display_label, find_field
from pipelines.writeback.matching import DesiredT, LiveT
from pipelines.writeback.problems import Problems
from pipelines.writeback.yaml_scalars import quote_text, to_scalar

CUSTOM_FIELDS: Final = "custom_fields_values"
PRICE_TYPES: Final = "available_products_price_types"


class Comparison(ABC, Generic[DesiredT, LiveT]):
    """Comparison of entities of one kind with their desired state.

    Adds violations of rules to ``problems``.
    """

    kind: ClassVar[EntityKind]

    def __init__(self, source: str, problems: Problems) -> None:
        self._source = source
        self.problems = problems

    def addition(self, desired: DesiredT) -> PlannedChange:
        """Build the addition of an entity."""
        if desired.id is None and (missing := validation.missing_properties_problem(self.kind, desired)):
            self._add_problem(desired, missing)
        succession = f"as the successor of id {desired.replaces}, which is gone" if desired.replaces else ""
        return PlannedChange(
            kind=self.kind,
            action="add",
            thing_id=None,
            name=desired.name,
            edits=(*self._common_edits(desired, None), *self._edits(desired, None)),
            why=f"{self._source_line(desired)} wants it, {succession or 'and there is none of this name'}",
            replaces=desired.replaces,
        )

    def change(self, desired: DesiredT, live: LiveT) -> PlannedChange | None:
        """Build the change of an entity; None if it has the desired state."""
        edits = (*self._common_edits(desired, live), *self._edits(desired, live))
        why = f"{self._source_line(desired)} wants it otherwise"
        return self._build_change(live, "change", edits, why) if edits else None

    def deletion(self, live: LiveT, desired: DesiredT | None = None) -> PlannedChange:
        """Build the deletion of an entity: ``desired`` requests it, or a complete list lacks it."""
        if desired is None:
            why = f"{self._source} has a complete list without it"
        else:
            why = f"{self._source_line(desired)} says so"
            if reason := self.deletion_problem(live):
                self._add_problem(desired, reason)
        shown = normalize_color(self.kind, live.color)
        deleted_edits = (
            PropertyEdit(property="color", label="color", old=shown and quote_text(shown), new=None),
            *self._deleted_edits(live),
        )
        edits = tuple(edit for edit in deleted_edits if edit.old is not None)
        return self._build_change(live, "delete", edits, f"{why}{self._deletion_consequence(live)}")

    def deletion_problem(self, live: LiveT) -> str | None:  # noqa: ARG002
        """Return the reason if an entity cannot be deleted."""
        return None

    @abstractmethod
    def _edits(self, desired: DesiredT, live: LiveT | None) -> Iterator[PropertyEdit]:
        """Yield the edits of properties that only this kind of entity has."""

    @abstractmethod
    def _deleted_edits(self, live: LiveT) -> Iterator[PropertyEdit]:
        """Yield the values that a deletion loses."""

    @abstractmethod
    def _deletion_consequence(self, live: LiveT) -> str:
        """Return a clause about further effects of a deletion; empty if there are none."""

    def _common_edits(self, desired: DesiredT, live: LiveT | None) -> Iterator[PropertyEdit]:
        """Yield the edits of name and colour."""
        if desired.name is not None and (live is None or live.name != desired.name):
            if problem := validation.text_problem(desired.name):
                self._add_problem(desired, problem)
            yield _text_edit("name", live.name if live else None, desired.name)
        old = normalize_color(self.kind, live.color) if live else None
        if desired.color is not None and desired.color != old:
            if problem := validation.color_problem(self.kind, desired.color):
                self._add_problem(desired, problem)
            yield _text_edit("color", old, desired.color)

    def _build_change(
        self, live: LiveT, action: ChangeAction, edits: tuple[PropertyEdit, ...], why: str
    ) -> PlannedChange:
        return PlannedChange(kind=self.kind, action=action, thing_id=live.id, name=live.name, edits=edits, why=why)

    def _source_line(self, desired: DesiredT) -> str:
        return f"line {desired.line} of {self._source}" if desired.line else self._source

    def _add_problem(self, desired: DesiredT, problem: str, line: int | None = None) -> None:
        self.problems.add(f"{self.kind} {desired.label}: {problem}", line=line or desired.line)


class StageComparison(Comparison[DesiredStage, Stage]):
    """Comparison of stages, which have an order."""

    kind = "stage"

    def deletion_problem(self, live: Stage) -> str | None:
        """Return the reason if a stage cannot be deleted."""
        return validation.deletion_problem(live)

    def _edits(self, desired: DesiredStage, live: Stage | None) -> Iterator[PropertyEdit]:
        old = live.sort if live else None
        if desired.sort is not None and desired.sort != old:
            shown = None if old is None else str(old)
            yield PropertyEdit(property="sort", label="sort", old=shown, new=str(desired.sort), api_value=desired.sort)

    def _deleted_edits(self, live: Stage) -> Iterator[PropertyEdit]:
        yield PropertyEdit(property="sort", label="sort", old=None if live.sort is None else str(live.sort), new=None)

    def _deletion_consequence(self, live: Stage) -> str:
        return f"; its {len(live.rules)} rule(s) go with it" if live.rules else ""


class SegmentComparison(Comparison[DesiredSegment, Segment]):
    """Comparison of segments, which have prices and custom fields.

    ``fields`` are the account's fields, ``zone`` is its timezone.
    """

    kind = "segment"

    def __init__(self, source: str, problems: Problems, fields: Sequence[Field], zone: ZoneInfo) -> None:
        super().__init__(source, problems)
        self._fields = fields
        self._zone = zone

    def _edits(self, desired: DesiredSegment, live: Segment | None) -> Iterator[PropertyEdit]:
        """Yield the edits of a segment's price fields and custom fields."""
        old = live.price_field_ids if live else ()
        if desired.price_field_ids is not None and desired.price_field_ids != old:
            yield _price_edit(old, desired.price_field_ids)
        contents = self._contents(live) if live else {}
        filled = {field_id for field_id, content in contents.items() if content is not None}
        for field, content in self._desired_contents(desired):
            if content == contents.get(field.id):
                continue
            (filled.discard if content is None else filled.add)(field.id)
            yield PropertyEdit(
                property=CUSTOM_FIELDS,
                label=_field_label(field),
                field_id=field.id,
                old=self._format_content(field, contents.get(field.id)),
                new=self._format_content(field, content),
                api_value=to_api(field, content, self._zone),
            )
        if desired.values and len(filled) > validation.MAX_FIELDS:
            self._add_problem(
                desired, f"{len(filled)} of its fields would be filled; amoCRM allows {validation.MAX_FIELDS}"
            )

    def _deleted_edits(self, live: Segment) -> Iterator[PropertyEdit]:
        yield _price_edit(live.price_field_ids, ())
        contents = self._contents(live)
        for field in self._fields:
            old = self._format_content(field, contents[field.id])
            yield PropertyEdit(property=CUSTOM_FIELDS, label=_field_label(field), field_id=field.id, old=old, new=None)

    def _deletion_consequence(self, live: Segment) -> str:
        return f"; {live.customers_count} customer(s) are in it" if live.customers_count else ""

    def _contents(self, live: Segment) -> dict[int, Content]:
        return {field.id: content for field, content in contents_by_field(self._fields, live.field_values)}

    def _desired_contents(self, desired: DesiredSegment) -> Iterator[tuple[Field, Content]]:
        """Yield every field in the file with its desired content; invalid ones are added to ``problems``."""
        mentioned: dict[int, DesiredValue] = {}
        for value in desired.values:
            line, subject = value.field.line, f"field '{value.field.text}'"
            try:
                field = find_field(self._fields, value.field)
            except ValueError as error:
                self._add_problem(desired, str(error), line)
                continue
            if field.id in mentioned:
                self._add_problem(
                    desired, f"{subject} is '{mentioned[field.id].field.text}', which is written too", line
                )
            mentioned[field.id] = value
            try:
                yield field, parse_content(field, value.value, self._zone)
            except ValueError as error:
                self._add_problem(desired, f"{subject}: {error}", line)

    def _format_content(self, field: Field, content: Content) -> str | None:
        return None if content is None else to_scalar(to_text(field, content, self._zone))


def _text_edit(name: str, old: str | None, new: str) -> PropertyEdit:
    return PropertyEdit(
        property=name, label=name, old=None if old is None else quote_text(old), new=quote_text(new), api_value=new
    )


def _price_edit(old: Sequence[int], new: Sequence[int]) -> PropertyEdit:
    shown_old, shown_new = (str(list(ids)) if ids else None for ids in (old, new))
    return PropertyEdit(
        property=PRICE_TYPES, label="price_field_ids", old=shown_old, new=shown_new, api_value=list(new)
    )


def _field_label(field: Field) -> str:
    return display_label(field) or str(field.id)
