"""Undocumented values in a row of the first, a middle or the last page.

A value that cannot be typed is kept as text and JSON, is flagged, and stops nothing; a row without a usable identity
stops the load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from sqlalchemy import text

from emulator import effects
from emulator.entities import Json, Mode
from faults.account_under_test import PAGE, AccountUnderTest, Shown, account_under_test
from faults.case import EXACT, Case, Trial, Verdict, Wire
from faults.harness import Harness

COLUMNS: Final = {
    "segments": ("id", "name", "color", "created_at", "customers_count", "prices", "field_values", "extra"),
    "fields": ("name", "code", "type", "sort", "options"),
    "stages": ("id", "name", "sort", "is_default", "color", "type", "conditions"),
}
"""Columns of the oracle's rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A change to one row of a list. Without ``stored`` the load must be refused."""

    change: Mapping[str, Json]
    stored: Mapping[str, Any] | None = None  # columns that differ from those of the plain row
    flag: str | None = None  # the anomaly that must be recorded


def odd_text(value: str, stored: str | None = None) -> Value:
    """Make a name that must be stored, perhaps sanitized."""
    flag = None if stored is None else "unstorable_text"
    return Value(change={"name": value}, stored={"name": value if stored is None else stored}, flag=flag)


def untyped(column: str, value: Json, *, in_extra: bool = False) -> Value:
    """Make a value of a wrong type: the column is null; with ``in_extra`` the row keeps it as JSON."""
    stored = {column: None} | ({"extra": {column: value}} if in_extra else {})
    return Value(change={column: value}, stored=stored, flag="untyped_value")


NAMES: Final[Mapping[str, Value]] = {
    "NUL in a name": odd_text("V\0IP", "V\ufffdIP"),
    "half a pair in a name": odd_text("V\ud800IP", "V\ufffdIP"),
    "emoji in a name": odd_text("🦔🏳️‍🌈👩‍👩‍👧"),
    "right-to-left marks in a name": odd_text("\u202eVIP\u200f"),
    "a name of 64 KiB": odd_text("x" * 65_536),
    "an empty name": odd_text(""),
    "quotes in a name": odd_text("a'b\"c`d"),
    "%s in a name": odd_text("%s %(x)s {} $1 :name"),
    "$$ in a name": odd_text("$$; drop schema amocrm cascade; --"),
    "COPY's end in a name": odd_text("\\."),
    "tabs and lines in a name": odd_text("a\tb\r\nc\\N"),
    "a script in a name": odd_text("</script><script>alert(1)</script>"),
    "a formula in a name": odd_text("=cmd()|' /C calc'!A0"),
}

USABLE_IDS: Final = (2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 2)
UNUSABLE_IDS: Final[Mapping[str, Json]] = {
    "no id": None,
    "id true": True,
    "id 0": 0,
    "id -1": -1,
    "id 2^63 - 1": 2**63 - 1,
    "id 2^64": 2**64,
    "id 10^30": 10**30,
    "id 1.5": 1.5,
    "id of letters": "x",
    "an empty id": "",
    "an id of 5,000 digits": "9" * 5_000,
    "an id that is a list": [],
}

SEGMENTS: Final[Mapping[str, Value]] = {
    **NAMES,
    **{name: Value(change={"id": value}) for name, value in UNUSABLE_IDS.items()},
    "another account's row": Value(change={"account_id": 8}),
    "negative count": untyped("customers_count", -1),
    "count null": Value(change={"customers_count": None}, stored={"customers_count": None}, flag="missing_value"),
    "count as text": untyped("customers_count", "5"),
    "count with a fraction": untyped("customers_count", 5.5),
    "count 2^63": untyped("customers_count", 2**63),
    "count 2^53 + 1": Value(change={"customers_count": 2**53 + 1}, stored={"customers_count": 2**53 + 1}),
    "timestamp 0": Value(change={"created_at": 0}, stored={"created_at": datetime(1970, 1, 1, tzinfo=UTC)}),
    "timestamp -1": Value(
        change={"created_at": -1}, stored={"created_at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}
    ),
    "timestamp in milliseconds": untyped("created_at", 1_589_615_328_000, in_extra=True),
    "timestamp of the year 9999": Value(
        change={"created_at": 253_402_300_799},
        stored={"created_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    ),
    "timestamp 10^30": untyped("created_at", 10**30, in_extra=True),
    "unknown key": Value(change={"bonus": [1]}, stored={"extra": {"bonus": [1]}}, flag="unknown_key"),
    "unknown colour": Value(change={"color": "nocolour"}, stored={"color": "nocolour"}),
    "colour null": Value(change={"color": None}, stored={"color": None}, flag="missing_value"),
    "name that is a number": untyped("name", 7, in_extra=True),
    "values null": Value(change={"custom_fields_values": None}, stored={"field_values": {}}),
    "values []": Value(change={"custom_fields_values": []}, stored={"field_values": {}}),
    "values that are an object": Value(change={"custom_fields_values": {"0": 1}}),
    "price field 2^63": Value(
        change={"available_products_price_types": [2**63, 1]},
        stored={"prices": [1], "extra": {"available_products_price_types": [2**63, 1]}},
        flag="untyped_value",
    ),
}

FIELDS: Final[Mapping[str, Value]] = {
    **NAMES,
    **{name: Value(change={"id": value}) for name, value in UNUSABLE_IDS.items()},
    "unknown type": Value(change={"type": "hologram"}, stored={"type": "hologram"}, flag="unknown_field_type"),
    "another type": Value(change={"type": "textarea"}, stored={"type": "textarea"}),
    "type null": Value(change={"type": None}, stored={"type": None}, flag="missing_value"),
    "name of another field": Value(change={"name": "Field 1"}, stored={"name": "Field 1"}),
    "options that are an object": Value(change={"enums": {"3": "A"}}),
    "option without an id": Value(change={"enums": [{"id": None, "value": "A", "sort": 1}]}),
    "option twice, different": Value(
        change={"enums": [{"id": 3, "value": "A", "sort": 1}, {"id": 3, "value": "B", "sort": 1}]}
    ),
}

STAGES: Final[Mapping[str, Value]] = {
    **NAMES,
    **{name: Value(change={"id": value}) for name, value in UNUSABLE_IDS.items()},
    "unknown type": Value(change={"type": 77}, stored={"type": 77}, flag="unknown_type"),
    "type as text": untyped("type", "3"),
    "sort 2^64": untyped("sort", 2**64),
    "is_default null": Value(change={"is_default": None}, stored={"is_default": None}, flag="missing_value"),
    "conditions null": Value(change={"conditions": None}, stored={"conditions": []}),
    "conditions that are an object": Value(change={"conditions": {"a": []}}),
    "conditions with numbered keys": Value(
        change={"conditions": {"1": {"0": {"type": "tag"}}}},
        stored={"conditions": [[{"type": "tag"}]]},
        flag="list_as_object",
    ),
    "rule that is a text": Value(
        change={"conditions": [["a rule"]]}, stored={"conditions": [["a rule"]]}, flag="untyped_value"
    ),
}

ROWS: Final = {"first": 1, "middle": 3, "last": 6}
"""Index of the row on the first, a middle and the last page."""


def cases() -> Iterator[Case]:
    """Yield each value in a row of each page."""
    lists: tuple[tuple[str, Mapping[str, Value], Mode], ...] = (
        ("segments", SEGMENTS, "segments"),
        ("fields", FIELDS, "segments"),
        ("stages", STAGES, "periodicity"),
    )
    for resource, values, mode in lists:
        for number, (name, value) in enumerate(values.items()):
            for turn, (page, place) in enumerate(ROWS.items()):
                if (resource, page) in (("stages", "last"), ("fields", "last")):
                    continue
                yield Case(
                    name=f"values: {name}, {resource}, {page}",
                    wrong=f"A row of {resource} ({page}) has: {name}.",
                    must="It is stored as it came, and flagged where it is odd; without a usable identity nothing is.",
                    play=partial(through, resource=resource, place=place, value=value, mode=mode),
                    allowed=frozenset({Verdict.REFUSED if value.stored is None else Verdict.EXACT}),
                    is_quick=turn == 0 and number % 8 == ("segments", "fields", "stages").index(resource),
                    wire=wire_of(value, resource, place, mode),
                )
    for large in USABLE_IDS:
        yield Case(
            name=f"values: id {large}, segments",
            wrong=f"A segment has the id {large}.",
            must="It is kept exactly.",
            play=partial(large_id, large=large),
            allowed=EXACT,
            is_quick=large == 2**53 + 1,
        )
    for name, item in TYPED.items():
        yield Case(
            name=f"values: {name}",
            wrong=f"The value of a field: {name}.",
            must="A value of its type is exact; another one is kept as text and JSON, and flagged.",
            play=partial(field_value, typed=item),
            allowed=EXACT,
            is_quick=name in ("date at midnight in UTC+14", "numeric with a comma"),
        )


def wire_of(value: Value, resource: str, place: int, mode: Mode) -> Wire:
    """Change the row at this index of the whole list."""
    page, index = (1 + place // PAGE, place % PAGE) if mode == "segments" else (1, place)

    def changed(rows: list[Json]) -> list[Json]:
        return [row | value.change if number == index else row for number, row in enumerate(rows)]

    return Wire(make=partial(effects.items, changed), where={"resource": resource, "page": page}, mode=mode)


def through(harness: Harness, *, resource: str, place: int, value: Value, mode: Mode) -> Iterator[Trial]:
    """Load with the value, and load again."""
    with account_under_test(harness, mode) as account:
        before = account.contents()
        wire = wire_of(value, resource, place, mode)
        with account.fault(wire.make(), **wire.where):
            loaded = account.load()
        right = with_value(account.shown(), resource, _id_at(account, resource, place), value.stored or {})
        trial = flagged(account, account.judge(loaded, before, right), value.flag)
        yield account.recover(trial)


def _id_at(account: AccountUnderTest, resource: str, place: int) -> int:
    items: Sequence[Json] = {
        "segments": account.world.shown_segments,
        "fields": account.world.shown_fields,
        "stages": account.world.shown_stages,
    }[resource](account.id)
    found: int = items[place]["id"]
    return found


def with_value(shown: Shown, resource: str, target: int, stored: Mapping[str, Any]) -> Shown:
    """Replace some columns of one row in a state."""
    columns = COLUMNS[resource]

    def put(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(stored.get(column, value) for column, value in zip(columns, row, strict=True))

    if resource == "fields":
        return replace(shown, fields=shown.fields | {target: put(shown.fields[target])})
    rows = tuple(
        sorted((put(row) if row[0] == target else row for row in getattr(shown, resource)), key=lambda r: r[0])
    )
    return replace(shown, segments=rows) if resource == "segments" else replace(shown, stages=rows)


def flagged(account: AccountUnderTest, trial: Trial, kind: str | None) -> Trial:
    """Mark a trial as silent if its anomaly is not recorded."""
    if kind is None or trial.verdict is not Verdict.EXACT:
        return trial
    with account.engine.connect() as connection:
        found = connection.scalars(
            text("select kind from analytics.data_quality where account_id = :id and is_open"), {"id": account.id}
        ).all()
    return trial if kind in found else replace(trial, verdict=Verdict.SILENT, why=f"not flagged as {kind}")


def large_id(harness: Harness, *, large: int) -> Iterator[Trial]:
    """Load a segment with a large id, then without it."""
    with account_under_test(harness) as account:
        before = account.contents()
        shown = account.shown()
        row = (large, *shown.segments[0][1:])

        def more(rows: list[Json]) -> list[Json]:
            twin = next(one for one in account.world.shown_segments(account.id) if one["id"] == row_id)
            return [*rows, twin | {"id": large}]

        row_id = shown.segments[0][0]
        with account.emulator.faults.during(effects.items(more), resource="segments", page=3):
            loaded = account.load()
        trial = account.judge(loaded, before, replace(shown, segments=tuple(sorted((*shown.segments, row)))))
        yield account.recover(trial)


@dataclass(frozen=True, slots=True)
class Typed:
    """A field value, and how the view shows it: by default unchanged."""

    kind: str
    value: Json
    shown: Any = None
    flag: str | None = None
    timezone: str = "Europe/Moscow"


def odd_value(kind: str, value: Json) -> Typed:
    """Make a value of a wrong type: kept as JSON and flagged."""
    return Typed(kind, value, {"value": value}, "untyped_value")


TYPED: Final[Mapping[str, Typed]] = {
    "date at midnight in UTC+14": Typed("date", 1_774_864_800, "2026-03-31", timezone="Pacific/Kiritimati"),
    "date at midnight in UTC-12": Typed("date", 1_774_958_400, "2026-03-31", timezone="Etc/GMT+12"),
    "numeric beyond a float": Typed("numeric", "9007199254740993.000000001", Decimal("9007199254740993.000000001")),
    "numeric with a comma": odd_value("numeric", "12,5"),
    "numeric NaN": odd_value("numeric", "NaN"),
    "text that is a number": odd_value("text", 7),
    "text of 64 KiB": Typed("text", "я" * 32_768),
    "text with NUL": Typed("text", "a\0b", "a\ufffdb", "unstorable_text"),
    "date in milliseconds": odd_value("date", 1_589_576_400_000),
    "checkbox as text": odd_value("checkbox", "1"),
}


def field_value(harness: Harness, *, typed: Typed) -> Iterator[Trial]:
    """Load an account with this field value."""
    with account_under_test(harness, timezone=typed.timezone) as account:
        before = account.contents()
        field_id = account.world.add_field(account.id, "Odd", typed.kind)
        account.world.set_raw_values(account.id, account.segments[1], field_id, [{"value": typed.value}])
        plain = replace_values(account, field_id, [typed.value if typed.shown is None else typed.shown])
        trial = flagged(account, account.judge(account.load(), before, plain), typed.flag)
        account.world.set_field_value(account.id, account.segments[1], field_id, None)
        yield account.recover(trial)


def replace_values(account: AccountUnderTest, field_id: int, shown: Sequence[Any]) -> Shown:
    """AmoCRM's state, with one field's values as the view shows them."""
    values = account.world.account(account.id).segments[account.segments[1]].values.pop(field_id)
    plain = account.shown()
    account.world.set_raw_values(account.id, account.segments[1], field_id, values)
    rows = tuple(
        (*row[:6], row[6] | {str(field_id): list(shown)}, row[7]) if row[0] == account.segments[1] else row
        for row in plain.segments
    )
    return replace(plain, segments=rows)
