"""Tables of the figures of one or more accounts for export, with columns named as in the views.

Instants are in the timezone of their account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Any, Final, get_type_hints
from zoneinfo import ZoneInfo

from pipelines.report.figures import AnomalyPeriod, Figures, Flow, Gap, Jump, Mover, SizeTrend, StageState
from pipelines.warehouse.changes import Change


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportTable:
    """One exported table."""

    name: str
    types: Mapping[str, Any]  # Python annotation by column, in order
    rows: list[tuple[object, ...]]


PLACES: Final[Sequence[tuple[str, str, Callable[[Figures], Sequence[SizeTrend]]]]] = (
    ("segment", "segments", attrgetter("segments")),
    ("stage", "stage_sizes", attrgetter("stage_sizes")),
)
"""Kinds of places with sizes, the name of the table of their latest ones, and where these are."""


def build_tables(accounts: Sequence[Figures]) -> Iterator[ReportTable]:
    """Yield all tables of the accounts' reports, including empty ones."""
    for place, name, records_of in PLACES:
        id_column = f"{place}_id"
        yield _build_table(name, SizeTrend, accounts, records_of, excluded=("days",), id_column=id_column)
        yield ReportTable(
            name=f"{place}_sizes_daily",
            types={
                "account_key": str,
                id_column: int,
                "name": str | None,
                "observed_date": date,
                "last_count": int | None,
                "is_observed": bool,
            },
            rows=[
                (figures.state.account_key, trend.place_id, trend.name, day.date, day.size, day.is_observed)
                for figures in accounts
                for trend in records_of(figures)
                for day in trend.days
            ],
        )
        yield _build_table(
            f"{place}_movers",
            Mover,
            accounts,
            partial(_of_place, place, "movers"),
            excluded=("place",),
            id_column=id_column,
        )
        yield _build_table(
            f"{place}_jumps",
            Jump,
            accounts,
            partial(_of_place, place, "jumps"),
            excluded=("place", "previous_date", "previous_count", "changes_around", "flows"),
            id_column=id_column,
        )
    yield _build_table("stages", StageState, accounts, attrgetter("stages"))
    yield _build_table("flows", Flow, accounts, attrgetter("flows"))
    yield _build_table("changes", Change, accounts, attrgetter("changes"))
    yield _build_table("gaps", Gap, accounts, attrgetter("gaps"))
    yield _build_table("data_quality", AnomalyPeriod, accounts, attrgetter("anomalies"))


def _of_place(place: str, name: str, figures: Figures) -> list[object]:
    """Return the movers or jumps of segments, or those of stages."""
    return [one for one in getattr(figures, name) if one.place == place]


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
