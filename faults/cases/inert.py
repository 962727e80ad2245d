"""Active text (scripts, formulas, templates) in every name stays text in report and files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html.parser import HTMLParser
from typing import Final

import pyarrow.parquet  # type: ignore[import-untyped]
from sqlalchemy import text as statement

from emulator import effects
from emulator.entities import Mode
from faults.account_under_test import AccountUnderTest, account_under_test
from faults.case import EXACT, Case, Trial, Verdict
from faults.harness import Harness
from pipelines.report.csv_export import csv_files
from pipelines.report.figures import read_figures
from pipelines.report.page import render_page
from pipelines.report.parquet import parquet_files

TEXTS: Final[Mapping[str, str]] = {
    "a script": "</script><script>alert(1)</script>",
    "an element with a script": "\"><img src=x onerror='alert(1)'>",
    "a formula": "=cmd|' /C calc'!A0",
    "a formula after a sign": "+1-2@SUM(1)",
    "marks of templates": "{{ 7 * 7 }} {% raw %} ${7*7} %s %(x)s {0} $1 :name",
    "quotes": "a'b\"c`d\\",
    "$$": "$$; drop schema amocrm cascade; --",
    "COPY's end": "\\.",
    "tabs and lines": "\ta\r\nb\\N",
}

MODES: Final[tuple[Mode, ...]] = ("segments", "periodicity")

OBEYED: Final = frozenset({"script", "iframe", "img", "link", "object", "embed", "form", "base"})
"""Elements that the report must not contain."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cases() -> Iterator[Case]:
    """Yield each text."""
    for number, (name, text) in enumerate(TEXTS.items()):
        yield Case(
            name=f"values: {name} in every name, through report and files",
            wrong=f"Segments, fields, options, stages, the account and an error are called so: {name}.",
            must="Tables, views and Parquet have it as it is; the report shows it; in CSV it is no formula.",
            play=partial(through, text=text),
            allowed=EXACT,
            is_quick=number in (0, 2),
        )


def through(harness: Harness, *, text: str) -> Iterator[Trial]:
    """Load an account of each mode with the text in every name and in an error."""
    for mode in MODES:
        with account_under_test(harness, mode) as account:
            before = account.contents()
            call_all(account, text)
            trial = account.judge(account.load(), before)
            with account.emulator.faults.during(effects.error(400, text)):
                account.load()
            wrong = [*wrong_in_files(account, text, mode), *wrong_in_report(account)]
            if wrong and trial.verdict is Verdict.EXACT:
                trial = replace(trial, verdict=Verdict.SILENT, why="; ".join(wrong))
            yield account.recover(trial)


def call_all(account: AccountUnderTest, text: str) -> None:
    """Give every entity this name, and a text field this value."""
    world, of = account.world, account.id
    world.account(of).name = text
    for segment in world.account(of).live_segments():
        world.rename_segment(of, segment.id, text)
    for its in world.account(of).live_fields():
        world.rename_field(of, its.id, text)
        for option in its.options:
            world.rename_option(of, its.id, option, text)
    for stage in world.account(of).live_stages():
        world.rename_stage(of, stage.id, text)
    world.set_field_value(of, account.segments[2], account.fields[0], text)


def wrong_in_files(account: AccountUnderTest, text: str, mode: Mode) -> Iterator[str]:
    """Errors in CSV, Parquet and the wide view."""
    figures = read_figures(account.engine, account.account.key)
    things = "segments" if mode == "segments" else "stages"
    for name, contents in csv_files([figures]):
        rows = list(csv.DictReader(io.StringIO(contents.decode("utf-8-sig"), newline="")))
        cells = [cell for row in rows for cell in row.values() if cell.startswith(FORMULA) and not is_number(cell)]
        if cells:
            yield f"{name} has a formula: {cells[0]}"
        # An apostrophe stands before each part that a spreadsheet would obey, whatever its separator is.
        if name == f"{things}.csv" and {row["name"].replace("'", "") for row in rows} != {text.replace("'", "")}:
            yield f"{name} has other names"
    for name, contents in parquet_files([figures]):
        table = pyarrow.parquet.read_table(io.BytesIO(contents))
        if name == f"{things}.parquet" and set(table["name"].to_pylist()) != {text}:
            yield f"{name} has other names"
    if mode == "segments":
        with account.engine.connect() as connection:
            shown = connection.execute(statement(f"select * from analytics.segments_{account.id}")).mappings().all()
        if text not in [value for row in shown for column, value in row.items() if column != "name"]:
            yield "the view with a column per field lacks the value"


def is_number(cell: str) -> bool:
    """True if a cell is a number, perhaps negative."""
    return cell.removeprefix("-").replace(".", "", 1).isdecimal()


def wrong_in_report(account: AccountUnderTest) -> Iterator[str]:
    """Active elements and attributes of the report."""
    page = render_page(read_figures(account.engine, account.account.key), now=account.now, language="en")
    reader = Elements()
    reader.feed(page)
    yield from (f"the report has the element {tag}" for tag in reader.tags & OBEYED)
    yield from (f"the report has the attribute {name}" for name in reader.attributes if name.startswith("on"))


@dataclass
class Elements(HTMLParser):
    """Elements and attributes of an HTML page."""

    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Initialize the parser."""
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
