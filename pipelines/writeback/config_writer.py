"""Format the desired state as a file that parses to the same state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pipelines.amocrm.messages import EntityKind
from pipelines.base.escape import printable
from pipelines.writeback.desired import (
    VERSION,
    DesiredConfig,
    DesiredEntity,
    DesiredSegment,
    DesiredStage,
    DesiredValue,
)
from pipelines.writeback.yaml_nodes import YamlText
from pipelines.writeback.yaml_scalars import block_text, quote_text, to_scalar

Comments: TypeAlias = Mapping[tuple[EntityKind, int], Sequence[str]]
"""Comment sentences above an entity, by its kind and its position in its list, from 0."""

_INDENT = "    "


def format_desired(desired: DesiredConfig, *, heading: Sequence[str] = (), comments: Comments | None = None) -> str:
    """Format the file, with ``heading`` as comments at its top and ``comments`` above single entities.

    The file format has no equivalent of ``replaces``, so that is left out.
    """
    lines = [*(_format_comment(sentence) for sentence in heading), f"version: {VERSION}"]
    if desired.account is not None:
        lines.append(f"account: {quote_text(desired.account)}")
    if desired.complete:
        lines.append(f"complete: [{', '.join(sorted(f'{kind}s' for kind in desired.complete))}]")
    kinds: tuple[tuple[EntityKind, Sequence[DesiredEntity] | None], ...] = (
        ("stage", desired.stages),
        ("segment", desired.segments),
    )
    for kind, entities in kinds:
        if entities is not None:
            lines += ["", f"{kind}s:" if entities else f"{kind}s: []"]
            for position, entity in enumerate(entities):
                lines += (f"  {_format_comment(sentence)}" for sentence in (comments or {}).get((kind, position), ()))
                lines += _format_entity(entity)
    return "\n".join(lines) + "\n"


def _format_entity(entity: DesiredEntity) -> Iterator[str]:
    prefix = "  - "
    for line in _format_properties(entity):
        yield prefix + line
        prefix = _INDENT
    if isinstance(entity, DesiredSegment) and entity.values:
        yield f"{_INDENT}fields:"
        yield from map(_format_value, entity.values)


def _format_properties(entity: DesiredEntity) -> Iterator[str]:
    """Yield a line of YAML for each property but the segment's fields."""
    if entity.name is not None:
        yield f"name: {quote_text(entity.name)}"
    if entity.id is not None:
        yield f"id: {entity.id}"
    if entity.is_deleted:
        yield "delete: true"
    if isinstance(entity, DesiredStage) and entity.sort is not None:
        yield f"sort: {entity.sort}"
    if entity.color is not None:
        yield f"color: {quote_text(entity.color)}"
    if isinstance(entity, DesiredSegment) and entity.price_field_ids is not None:
        yield f"price_field_ids: {list(entity.price_field_ids)}"


def _format_value(value: DesiredValue) -> str:
    block = block_text(value.value.text, _INDENT * 2) if isinstance(value.value, YamlText) else None
    return f"{_INDENT}  {to_scalar(value.field)}: {block or to_scalar(value.value)}"


def _format_comment(sentence: str) -> str:
    return f"# {printable(sentence)}"
