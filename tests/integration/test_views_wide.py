"""The wide view: a column per field, updated as fields change."""

from __future__ import annotations

import random
import threading
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from pipelines.amocrm.models import Field, FieldValue
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.publish import publish
from pipelines.warehouse.wide_views import FIXED_COLUMNS, find_outdated_view, unique_column_names, update_wide_view
from tests.records import ACCOUNT_ID, field, hours, option, origin, segment, snapshot, text_value
from tests.sample_history import HISTORY

VIEW = f"analytics.segments_{ACCOUNT_ID}"


def load(
    engine: Engine, hour: int, *fields: Field, values: tuple[FieldValue, ...] = (), gone: tuple[int, ...] = ()
) -> None:
    """Publish one segment with these fields, and let the view follow."""
    seen = snapshot(
        hours(hour), fields=fields, segments=(segment(1, 10, field_values=values),), gone_field_ids=frozenset(gone)
    )
    publish(engine, seen, origin())


def columns(engine: Engine) -> list[str]:
    """The columns that fields have in the view."""
    with engine.connect() as connection:
        shown = connection.execute(text(f"select * from {VIEW}"))
        return [name for name in tuple(shown.keys()) if name not in FIXED_COLUMNS]


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_values_of_all_types_stand_in_columns_of_their_own(engine: Engine) -> None:
    load(
        engine,
        0,
        field(1, name="Note"),
        field(2, name="Discount, %", type="numeric"),
        field(3, name="Since", type="date"),
        field(4, name="Checked", type="date_time"),
        field(5, name="Is open", type="checkbox"),
        field(6, option(60, value="North"), option(61, value="South"), name="Regions", type="multiselect"),
        field(7, name="File", type="file"),
        field(8, name="Empty", type="numeric"),
        values=(
            text_value(1, "100 % :sure"),
            FieldValue(field_id=2, field_type="numeric", position=0, number=Decimal("12.50")),
            FieldValue(field_id=3, field_type="date", position=0, date=date(2026, 2, 28)),
            FieldValue(field_id=4, field_type="date_time", position=0, instant=hours(5)),
            FieldValue(field_id=5, field_type="checkbox", position=0, boolean=True),
            FieldValue(field_id=6, field_type="multiselect", position=0, option_id=60),
            FieldValue(field_id=6, field_type="multiselect", position=1, option_id=61),
            FieldValue(field_id=7, field_type="file", position=0, json={"size": 1}),
        ),
    )
    assert update_wide_view(engine, ACCOUNT_ID)
    [row] = rows(engine, f"select * from {VIEW}")
    assert row[:3] == (1, "Segment 1", 10)
    assert row[len(FIXED_COLUMNS) :] == (
        "100 % :sure",
        Decimal("12.50"),
        date(2026, 2, 28),
        hours(5),
        True,
        "North, South",
        '{"size": 1}',
        None,
    )
    assert isinstance(row[len(FIXED_COLUMNS) + 3], datetime)


def test_a_value_that_is_not_of_its_field_s_type_breaks_nothing(engine: Engine) -> None:
    untyped = FieldValue(field_id=2, field_type="numeric", position=0, text="about ten", json={"value": "about ten"})
    load(engine, 0, field(2, name="Discount", type="numeric"), values=(untyped,))
    assert update_wide_view(engine, ACCOUNT_ID)
    assert rows(engine, f'select "Discount" from {VIEW}') == [(None,)]


def test_labels_are_unique_and_lose_no_value_whatever_the_names(engine: Engine) -> None:
    chance = random.Random(14)  # noqa: S311 - no secret
    ids = range(1, 9)
    names: list[str | None] = ["X", "x", "", None, " ", "X ()", "X (05)", "caf\u00e9", "cafe\u0301", "X (9)", "(9)"]
    names += [f"{name}({number})" for number in ids for name in ("", "X ", "X (5) ", f"({number}) ")]
    rounds: list[list[str | None]] = [["X", "X", "X (1)", "X (2)", "(8)", "X (1) (3)", "X (4) (3)", "(9)"]]
    rounds += [chance.choices(names, k=8) for _ in range(20)]
    gone = 9  # segments have values of this field, and no snapshot has its definition
    for hour, names_of_fields in enumerate(rounds):
        fields = [field(number, name=name) for number, name in zip(ids, names_of_fields, strict=True)]
        load(engine, hour, *fields, values=tuple(text_value(number, f"of {number}") for number in (*ids, gone)))
        labels = {label for (label,) in rows(engine, "select label from analytics.fields")}
        [(values,)] = rows(engine, "select field_values from analytics.segments")
        assert len(labels) == len(ids), names_of_fields
        assert sorted(values.values()) == [[f"of {number}"] for number in (*ids, gone)], names_of_fields


def test_names_are_data(engine: Engine) -> None:
    names = [
        'a"b',
        "'; drop table amocrm.snapshot; --",
        "%s %(x)s :name {}",
        "\\x",
        "$$",
        "tab\there",
        "segment_id",
        "NAME",
        "Имя сегмента " * 9,
        "",
        "  ",
        "Same",
        "same",
    ]
    load(engine, 0, *(field(number, name=name) for number, name in enumerate(names, start=1)), field(14, name=None))
    assert update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == [
        *names[:5],
        "tab here",
        "segment_id (7)",
        "NAME (8)",
        "Имя сегмента Имя сегмента Имя сегм",
        "(10)",
        "(11)",
        "Same",
        "same (13)",
        "(14)",
    ]
    assert update_wide_view(engine, ACCOUNT_ID), "and nothing is to be done again"


@given(st.lists(st.none() | st.text() | st.sampled_from(("name", "A (2)", "a", "A", "Ä" * 40, "Ä" * 41)), max_size=12))
def test_column_names_are_unique_and_fit(names: list[str | None]) -> None:
    found = unique_column_names(list(enumerate(names, start=1)))
    assert len({name.casefold() for name in [*found, *FIXED_COLUMNS]}) == len(names) + len(FIXED_COLUMNS)
    assert all(0 < len(name.encode()) <= 63 and name.isprintable() for name in found)


def test_a_new_field_comes_last_and_keeps_what_others_built(engine: Engine) -> None:
    load(engine, 0, field(1, name="Note"))
    update_wide_view(engine, ACCOUNT_ID)
    with engine.begin() as connection:
        connection.execute(text(f'create view public.mine as select "Note" from {VIEW}'))
    load(engine, 1, field(1, name="Note"), field(2, name="note"), values=(text_value(1, "still there"),))
    assert update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == ["Note", "note (2)"]
    assert rows(engine, "select * from public.mine") == [("still there",)]


def test_renamed_retyped_and_deleted_fields_are_followed_and_grants_stay(engine: Engine) -> None:
    load(engine, 0, field(1, name="Note"), field(2, name="Number"), field(3, name="Gone"))
    update_wide_view(engine, ACCOUNT_ID)
    with engine.begin() as connection:
        connection.execute(text(f"grant select on {VIEW} to pg_monitor with grant option"))
    load(engine, 1, field(1, name="Remark"), field(2, name="Number", type="numeric"), gone=(3,))
    assert update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == ["Remark", "Number"]
    types = (
        f"select format_type(atttypid, -1) from pg_attribute where attrelid = '{VIEW}'::regclass and attname = 'Number'"
    )
    assert rows(engine, types) == [("numeric",)]
    for role in ("pg_monitor", "amocrm_reader"):
        assert rows(engine, f"select has_table_privilege('{role}', '{VIEW}', 'select')") == [(True,)]


def test_fields_that_swap_their_names_are_not_mixed_up(engine: Engine) -> None:
    values = (text_value(1, "of the first"), text_value(2, "of the second"))
    load(engine, 0, field(1, name="A"), field(2, name="B"), values=values)
    update_wide_view(engine, ACCOUNT_ID)
    load(engine, 1, field(1, name="B"), field(2, name="A"), values=values)
    assert update_wide_view(engine, ACCOUNT_ID)
    assert rows(engine, f'select "A", "B" from {VIEW}') == [("of the second", "of the first")]


def test_what_others_built_is_left_alone(engine: Engine) -> None:
    load(engine, 0, field(1, name="Note"))
    update_wide_view(engine, ACCOUNT_ID)
    with engine.begin() as connection:
        connection.execute(text(f'create view public.mine as select "Note" from {VIEW}'))
    load(engine, 1, field(1, name="Remark"))
    assert not update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == ["Note"]
    outdated = find_outdated_view(engine, ACCOUNT_ID)
    assert outdated is not None
    assert outdated.finding == (
        f'The view {VIEW} does not follow the account\'s fields; outdated: "Note"; missing: "Remark". In the way, '
        "because it depends on that view: view public.mine."
    )
    with engine.begin() as connection:
        connection.execute(text("drop view public.mine"))
    assert update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == ["Remark"]
    assert find_outdated_view(engine, ACCOUNT_ID) is None


def test_a_view_of_that_name_that_is_not_ours_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"create view {VIEW} as select 1 as one"))
    load(engine, 0, field(1, name="Note"))
    assert not update_wide_view(engine, ACCOUNT_ID)
    assert rows(engine, f"select * from {VIEW}") == [(1,)]


def test_a_long_reader_is_not_waited_for(engine: Engine, postgres_url: str) -> None:
    load(engine, 0, field(1, name="Note"))
    update_wide_view(engine, ACCOUNT_ID)
    load(engine, 1, field(1, name="Remark"))
    with psycopg.connect(postgres_url) as reader:
        reader.execute(f"select * from {VIEW}")
        assert not update_wide_view(engine, ACCOUNT_ID)
    assert update_wide_view(engine, ACCOUNT_ID)
    assert columns(engine) == ["Remark"]


def test_many_at_once_make_it_once(engine: Engine) -> None:
    load(engine, 0, field(1, name="Note"))
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(update_wide_view(engine, ACCOUNT_ID))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 6
    assert columns(engine) == ["Note"]


def test_an_account_without_fields_gets_no_view(engine: Engine) -> None:
    load(engine, 0)
    assert update_wide_view(engine, ACCOUNT_ID)
    assert rows(engine, f"select to_regclass('{VIEW}')") == [(None,)]


def test_a_switched_mode_leaves_the_view_as_it_was(engine: Engine) -> None:
    shown = []
    for seen in HISTORY:
        publish(engine, seen, origin())
        assert update_wide_view(engine, ACCOUNT_ID)
        shown.append((columns(engine), len(rows(engine, f"select * from {VIEW}"))))
    before, after = ["Region", "Discount", "Region (9)"], ["Region", "Discount, %", "Region (9)"]
    assert shown == [(before, 3)] * 3 + [(after, 3)] * 3 + [(after, 0)] * 2 + [(after, 3)]


def test_migrate_can_always_rebuild_views(engine: Engine) -> None:
    load(engine, 0, field(1, name="Note"), values=(text_value(1, "still there"),))
    update_wide_view(engine, ACCOUNT_ID)
    with engine.begin() as connection:
        connection.execute(text("drop view analytics.segments, analytics.fields cascade"))
    migrate(engine)
    assert rows(engine, f'select "Note" from {VIEW}') == [("still there",)]
