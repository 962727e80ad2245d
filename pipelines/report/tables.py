"""The report's figures as tables, a kind of row each, columns named as the views name them. No format of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, get_type_hints

from pipelines.report.figures import Figures, Gap, Jump, Mover, Quality, Segment, Stage
from pipelines.wording import Change


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of one kind."""

    name: str
    types: Mapping[str, Any]  # of each column, in their order, as a Python annotation
    rows: list[tuple[object, ...]]


def tables(figures: Figures) -> Iterator[Table]:
    """All that the report tells, those without rows too."""
    yield _table("segments", Segment, figures.segments, left_out=("days",))
    yield Table(
        name="segment_sizes_daily",
        types={
            "segment_id": int,
            "name": str | None,
            "observed_date": date,
            "last_count": int | None,
            "is_observed": bool,
        },
        rows=[
            (one.segment_id, one.name, day.date, day.size, day.is_observed)
            for one in figures.segments
            for day in one.days
        ],
    )
    yield _table("stages", Stage, figures.stages)
    yield _table("segment_movers", Mover, figures.movers)
    yield _table("segment_jumps", Jump, figures.jumps)
    yield _table("changes", Change, figures.changes)
    yield _table("gaps", Gap, figures.gaps)
    yield _table("data_quality", Quality, figures.oddities)


def _table(name: str, kind: type, things: Iterable[object], *, left_out: tuple[str, ...] = ()) -> Table:
    types = {column: hint for column, hint in _types(kind).items() if column not in left_out}
    return Table(name=name, types=types, rows=[_values(types, thing) for thing in things])


def _types(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _values(columns: Iterable[str], thing: object) -> tuple[object, ...]:
    return tuple(getattr(thing, column) for column in columns)
