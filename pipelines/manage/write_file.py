"""What is wanted, as the text of a file that reads back as the same. What there is to remark on is said elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pipelines.amocrm.messages import Kind
from pipelines.manage.desired import VERSION, Desired, DesiredSegment, DesiredStage, DesiredThing, DesiredValue
from pipelines.manage.nodes import Text
from pipelines.manage.spelling import spelled, spelled_block, spelled_text
from pipelines.printable import printable

Remarks: TypeAlias = Mapping[tuple[Kind, int], Sequence[str]]
"""Sentences that stand above a thing, by its kind and its position in its list, from 0."""

_INDENT = "    "


def write_desired(desired: Desired, *, heading: Sequence[str] = (), remarks: Remarks | None = None) -> str:
    """The file. ``heading`` stands above everything, ``remarks`` above single things, both as comments.

    Of a thing of the past that a new one replaces (``replaces``) a file knows nothing.
    """
    lines = [*(_comment(sentence) for sentence in heading), f"version: {VERSION}"]
    if desired.account is not None:
        lines.append(f"account: {spelled_text(desired.account)}")
    if desired.complete:
        lines.append(f"complete: [{', '.join(sorted(f'{kind}s' for kind in desired.complete))}]")
    kinds: tuple[tuple[Kind, Sequence[DesiredThing] | None], ...] = (
        ("stage", desired.stages),
        ("segment", desired.segments),
    )
    for kind, things in kinds:
        if things is not None:
            lines += ["", f"{kind}s:" if things else f"{kind}s: []"]
            for position, thing in enumerate(things):
                lines += (f"  {_comment(sentence)}" for sentence in (remarks or {}).get((kind, position), ()))
                lines += _thing(thing)
    return "\n".join(lines) + "\n"


def _thing(thing: DesiredThing) -> Iterator[str]:
    begin = "  - "
    for line in _properties(thing):
        yield begin + line
        begin = _INDENT
    if isinstance(thing, DesiredSegment) and thing.values:
        yield f"{_INDENT}fields:"
        yield from map(_value, thing.values)


def _properties(thing: DesiredThing) -> Iterator[str]:
    if thing.name is not None:
        yield f"name: {spelled_text(thing.name)}"
    if thing.id is not None:
        yield f"id: {thing.id}"
    if thing.is_deleted:
        yield "delete: true"
    if isinstance(thing, DesiredStage) and thing.sort is not None:
        yield f"sort: {thing.sort}"
    if thing.color is not None:
        yield f"color: {spelled_text(thing.color)}"
    if isinstance(thing, DesiredSegment) and thing.price_field_ids is not None:
        yield f"price_field_ids: {list(thing.price_field_ids)}"


def _value(value: DesiredValue) -> str:
    block = spelled_block(value.value.text, _INDENT * 2) if isinstance(value.value, Text) else None
    return f"{_INDENT}  {spelled(value.field)}: {block or spelled(value.value)}"


def _comment(sentence: str) -> str:
    return f"# {printable(sentence)}"
