"""Tables of the figures of one or more accounts for export, with columns named as in the views.

Instants are in the timezone of their account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

from pipelines.report.figures import AnomalyPeriod, Figures, Gap, Mover, StageState
from pipelines.report.jumps import Jump
from pipelines.report.sizes import SizeTrend
from pipelines.warehouse.changes import Change


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportTable:
    """One exported table."""

    name: str
    types: Mapping[str, Any]  # Python annotation by column, in order
    rows: list[tuple[object, ...]]


def build_tables(accounts: Sequence[Figures]) -> Iterator[ReportTable]:
    """Yield all tables of the accounts' reports, including empty ones."""
    yield _build_table(
        "segments", SizeTrend, accounts, attrgetter("segments"), excluded=("days",), id_column="segment_id"
    )
    yield ReportTable(
        name="segment_sizes_daily",
        types={
            "account_key": str,
            "segment_id": int,
            "name": str | None,
            "observed_date": date,
            "last_count": int | None,
            "is_observed": bool,
        },
        rows=[
            (figures.state.account_key, segment.place_id, segment.name, day.date, day.size, day.is_observed)
            for figures in accounts
            for segment in figures.segments
            for day in segment.days
        ],
    )
    yield _build_table("stages", StageState, accounts, attrgetter("stages"))
    yield _build_table(
        "segment_movers",
        Mover,
        accounts,
        lambda figures: [mover for mover in figures.movers if mover.place == "segment"],
        excluded=("place",),
        id_column="segment_id",
    )
    yield _build_table(
        "segment_jumps",
        Jump,
        accounts,
        lambda figures: [jump for jump in figures.jumps if jump.place == "segment"],
        excluded=("place", "previous_date", "previous_count", "changes_around", "flows"),
        id_column="segment_id",
    )
    yield _build_table("changes", Change, accounts, attrgetter("changes"))
    yield _build_table("gaps", Gap, accounts, attrgetter("gaps"))
    yield _build_table("data_quality", AnomalyPeriod, accounts, attrgetter("anomalies"))


def _build_table(
    name: str,
    record_type: type,
    accounts: Sequence[Figures],
    records_of: Callable[[Figures], Iterable[object]],
    *,
    excluded: tuple[str, ...] = (),
    id_column: str = "",
) -> ReportTable:
    """Build the table of records: a column per attribute that is not excluded, after the account's key.

    ``id_column`` is the name of the column of ``place_id``.
    """
    types = {column: hint for column, hint in _column_types(record_type).items() if column not in excluded}
    rows = [
        (figures.state.account_key, *_row_values(types, record, ZoneInfo(figures.state.timezone)))
        for figures in accounts
        for record in records_of(figures)
    ]
    named = {id_column if column == "place_id" else column: hint for column, hint in types.items()}
    return ReportTable(name=name, types={"account_key": str} | named, rows=rows)


def _column_types(record_type: type) -> dict[str, Any]:
    hints = get_type_hints(record_type)
    return {field.name: hints[field.name] for field in fields(record_type)}


def _row_values(columns: Iterable[str], record: object, timezone: ZoneInfo) -> Iterator[object]:
    for column in columns:
        value = getattr(record, column)
        yield value.astimezone(timezone) if isinstance(value, datetime) else value
