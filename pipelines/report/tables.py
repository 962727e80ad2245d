"""Tables of the report's figures for export, with columns named as in the views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, get_type_hints

from pipelines.report.figures import AnomalyPeriod, Figures, Gap, Jump, Mover, SegmentTrend, StageState
from pipelines.warehouse.changes import Change


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportTable:
    """One exported table."""

    name: str
    types: Mapping[str, Any]  # Python annotation by column, in order
    rows: list[tuple[object, ...]]


def build_tables(figures: Figures) -> Iterator[ReportTable]:
    """Yield all tables of the report, including empty ones."""
    yield _build_table("segments", SegmentTrend, figures.segments, excluded=("days",))
    yield ReportTable(
        name="segment_sizes_daily",
        types={
            "segment_id": int,
            "name": str | None,
            "observed_date": date,
            "last_count": int | None,
            "is_observed": bool,
        },
        rows=[
            (segment.segment_id, segment.name, day.date, day.size, day.is_observed)
            for segment in figures.segments
            for day in segment.days
        ],
    )
    yield _build_table("stages", StageState, figures.stages)
    yield _build_table("segment_movers", Mover, figures.movers)
    yield _build_table("segment_jumps", Jump, figures.jumps, excluded=("previous_date", "previous_count"))
    yield _build_table("changes", Change, figures.changes)
    yield _build_table("gaps", Gap, figures.gaps)
    yield _build_table("data_quality", AnomalyPeriod, figures.anomalies)


def _build_table(
    name: str, record_type: type, records: Iterable[object], *, excluded: tuple[str, ...] = ()
) -> ReportTable:
    """Build the table of records: a column per attribute that is not excluded."""
    hints = get_type_hints(record_type)
    types = {field.name: hints[field.name] for field in fields(record_type) if field.name not in excluded}
    rows = [tuple(getattr(record, column) for column in types) for record in records]
    return ReportTable(name=name, types=types, rows=rows)
