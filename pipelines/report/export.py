"""The report's figures as CSV: a file for each kind of row, its columns named as the views name them.

Text that a spreadsheet would take for a formula, since it begins with ``= + - @``, a tab or a carriage return, gets an
apostrophe in front; so does text that begins with one already, so that taking the first one away gives back what was
there. Numbers are written bare. UTF-8 with the mark by which spreadsheets know it; instants are in UTC.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from pipelines.report.figures import Day, Figures, Gap, Jump, Mover, Quality, Segment, Stage
from pipelines.wording import Change

ENCODING: Final = "utf-8-sig"
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def csv_files(figures: Figures) -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    of_segment = [name for name in _names(Segment) if name != "days"]
    yield "segments.csv", _csv(of_segment, _rows(of_segment, figures.segments))
    sizes = ((one.segment_id, one.name, *_values(_names(Day), day)) for one in figures.segments for day in one.days)
    yield "segment_sizes_daily.csv", _csv(["segment_id", "name", *_names(Day)], sizes)
    kinds: tuple[tuple[str, type, Sequence[Any]], ...] = (
        ("stages.csv", Stage, figures.stages),
        ("segment_movers.csv", Mover, figures.movers),
        ("segment_jumps.csv", Jump, figures.jumps),
        ("changes.csv", Change, figures.changes),
        ("gaps.csv", Gap, figures.gaps),
        ("data_quality.csv", Quality, figures.oddities),
    )
    for file, kind, rows in kinds:
        yield file, _csv(_names(kind), _rows(_names(kind), rows))


def cell(value: object) -> object:
    """A value as a CSV file is to hold it."""
    match value:
        case str():
            return f"'{value}" if value.startswith(RISKY) else value
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case _:
            return value


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def _rows(names: Sequence[str], things: Iterable[object]) -> Iterator[tuple[object, ...]]:
    return (_values(names, thing) for thing in things)


def _values(names: Iterable[str], thing: object) -> tuple[object, ...]:
    return tuple(getattr(thing, name) for name in names)


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]
