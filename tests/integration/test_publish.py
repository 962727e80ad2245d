"""Publish snapshots into a real Postgres."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from pipelines.amocrm.models import Anomaly, FieldValue, Rule, Snapshot
from pipelines.amocrm.validation import MAX_ID
from pipelines.base.errors import Superseded, UnprovenEnding, WrongAccount
from pipelines.transform.frames import WRITTEN_RELATIONS
from pipelines.transform.relation import Relation
from pipelines.warehouse.bulk_copy import JSON_COLUMNS
from pipelines.warehouse.publish import publish
from tests.accounts import fetch_rows
from tests.records import ACCOUNT_ID, account, field, hours, option, origin, segment, snapshot, stage, text_value


def test_first_snapshot_is_there_as_a_whole(engine: Engine) -> None:
    values = (
        text_value(1, "plain"),
        FieldValue(field_id=2, field_type="numeric", position=0, number=Decimal("12345678901234567890.123456789")),
        FieldValue(field_id=3, field_type="date", position=0, date=date(2026, 2, 28)),
        FieldValue(field_id=4, field_type="date_time", position=0, instant=hours(5)),
        FieldValue(field_id=5, field_type="checkbox", position=0, boolean=True),
        FieldValue(field_id=6, field_type="multiselect", position=0, option_id=60),
        FieldValue(field_id=6, field_type="multiselect", position=1, option_id=61),
        FieldValue(field_id=7, field_type="file", position=0, json={"size": Decimal("1e400"), "name": "a\\.b"}),
    )
    seen = snapshot(
        hours(0),
        segments=(segment(51, 7, field_values=values, price_field_ids=(288891,), extra={"bonus": [1]}), segment(21, 0)),
        fields=(field(6, option(60), option(61)),),
        anomalies=(Anomaly(kind="unknown_key", thing="segment", thing_id=51, detail="bonus"),),
    )
    published = publish(engine, seen, origin())
    assert published.is_new
    assert (published.opened_count, published.closed_count, published.size_change_count) == (5, 0, 2)
    assert published.row_counts
    assert published.row_counts["segment_field_value"] == 8
    assert fetch_rows(engine, "select segment_id, customers_count from analytics.segments order by 1") == [
        (21, 0),
        (51, 7),
    ]
    assert fetch_rows(engine, "select number_value from amocrm.segment_field_value where field_id = 2") == [
        (Decimal("12345678901234567890.123456789"),)
    ]
    assert fetch_rows(
        engine, "select (json_value -> 'size')::numeric = 1e400 from amocrm.segment_field_value where field_id = 7"
    ) == [(True,)]
    assert fetch_rows(engine, "select field_values -> 'Field 6' from analytics.segments where segment_id = 51") == [
        (["Option 60", "Option 61"],)
    ]
    assert fetch_rows(engine, "select segment_count, field_count, option_count, stage_count from amocrm.snapshot") == [
        (2, 1, 2, None)
    ]


def test_the_largest_id_that_is_read_can_be_stored(engine: Engine) -> None:
    largest = replace(account(), id=MAX_ID)
    seen = (segment(MAX_ID, 1),), (field(MAX_ID, option(MAX_ID)),)
    publish(engine, snapshot(hours(0), account=largest, segments=seen[0], fields=seen[1]), origin())
    publish(
        engine, snapshot(hours(1), account=largest, segments=(segment(MAX_ID, 1, name="A"),), fields=seen[1]), origin()
    )
    assert fetch_rows(engine, "select segment_id, name from analytics.segments") == [(MAX_ID, "A")]
    assert fetch_rows(engine, "select account_id, option_id from amocrm.option_version") == [(MAX_ID, MAX_ID)]


def test_publishing_again_changes_nothing(engine: Engine) -> None:
    seen, made = snapshot(hours(0), segments=(segment(1),)), origin()
    assert publish(engine, seen, made).is_new
    publish(engine, snapshot(hours(1), segments=(segment(1, 20),)), origin())
    repeated = publish(engine, seen, made)
    assert not repeated.is_new, "even after a newer one"
    assert (repeated.account_id, repeated.observed_at) == (seen.account.id, seen.observed_at)
    assert fetch_rows(engine, "select count(*) from amocrm.snapshot") == [(2,)]


@pytest.mark.parametrize("late", [0, -1])
def test_older_snapshot_is_superseded(engine: Engine, late: int) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),)), origin())
    with pytest.raises(Superseded, match="not newer"):
        publish(engine, snapshot(hours(late), segments=(segment(1, 99),)), origin())
    assert fetch_rows(engine, "select customers_count from amocrm.segment_size") == [(10,)]


def test_unchanged_snapshot_writes_one_row(engine: Engine) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),), fields=(field(7),)), origin())
    published = publish(engine, snapshot(hours(1), segments=(segment(1),), fields=(field(7),)), origin())
    assert published.row_counts == {"snapshot": 1}


def test_a_then_b_then_a_are_three_versions(engine: Engine) -> None:
    for hour, name in enumerate(("A", "B", "A")):
        publish(engine, snapshot(hours(hour), segments=(segment(1, name=name),)), origin())
    assert fetch_rows(engine, "select name, end_reason from amocrm.segment_version order by valid_from") == [
        ("A", "changed"),
        ("B", "changed"),
        ("A", None),
    ]


def test_deleted_and_made_again_are_two_stretches(engine: Engine) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),)), origin())
    publish(engine, snapshot(hours(1), gone_segment_ids=frozenset({1})), origin())
    publish(engine, snapshot(hours(2), segments=(segment(1),)), origin())
    assert fetch_rows(engine, "select valid_from, valid_to, end_reason from amocrm.segment_version order by 1") == [
        (hours(0), hours(1), "deleted"),
        (hours(2), None, None),
    ]
    assert fetch_rows(engine, "select observed_at, customers_count from amocrm.segment_size order by 1") == [
        (hours(0), 10),
        (hours(1), None),
        (hours(2), 10),
    ]
    assert fetch_rows(engine, "select change from analytics.changes order by observed_at") == [
        ("deleted",),
        ("returned",),
    ]


def test_refused_snapshot_leaves_nothing_behind(engine: Engine) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),)), origin())
    with pytest.raises(UnprovenEnding):
        publish(engine, snapshot(hours(1), segments=(segment(2),), account=account(name="New name")), origin())
    assert fetch_rows(engine, "select name from amocrm.account") == [("Corner Coffee",)]
    assert fetch_rows(engine, "select segment_id from amocrm.segment_version") == [(1,)]


def test_key_bound_to_an_account_is_refused_for_another(engine: Engine) -> None:
    publish(engine, snapshot(hours(0)), origin())
    with pytest.raises(WrongAccount, match=str(ACCOUNT_ID)):
        publish(engine, snapshot(hours(1), account=account(id=7)), origin())
    assert fetch_rows(engine, "select account_id from amocrm.account") == [(ACCOUNT_ID,)]


def test_account_follows_its_newest_description(engine: Engine) -> None:
    publish(engine, snapshot(hours(0)), origin())
    publish(
        engine, snapshot(hours(1), account=account(name="Big Coffee", subdomain=None)), origin(account_key="renamed")
    )
    assert fetch_rows(engine, "select account_key, name, subdomain from amocrm.account") == [
        ("renamed", "Big Coffee", None)
    ]


def test_stages_keep_their_rules_and_empty_groups(engine: Engine) -> None:
    rules = (
        Rule(group=0, position=0, type="after_today", match=60, body={"type": "after_today", "match": {"value": 60}}),
        Rule(group=2, position=0, type="tag", match=[1], body={"type": "tag"}),
    )
    publish(engine, snapshot(hours(0), mode="periodicity", stages=(stage(4, rules, rule_group_count=4),)), origin())
    [(conditions,)] = fetch_rows(engine, "select conditions from analytics.stages")
    assert conditions == [[rules[0].body], [], [rules[1].body], []]


def test_day_rows_hold_last_smallest_and_largest(engine: Engine) -> None:
    for hour, size in ((0, 10), (1, 5), (2, 20), (3, 15)):
        publish(engine, snapshot(hours(hour), segments=(segment(1, size),)), origin())
    publish(engine, snapshot(hours(48), segments=(segment(1, 15),)), origin())
    days = fetch_rows(
        engine,
        "select observed_date, is_observed, last_count, min_count, max_count, observation_count"
        " from analytics.segment_sizes_daily order by 1",
    )
    assert days == [
        (date(2026, 3, 1), True, 15, 5, 20, 4),
        (date(2026, 3, 2), False, None, None, None, 0),
        (date(2026, 3, 3), True, 15, 15, 15, 1),
    ]


def test_many_loads_at_once_publish_each_once_and_in_order(engine: Engine) -> None:
    snapshots = [snapshot(hours(hour), segments=(segment(1, hour),)) for hour in range(12)]
    superseded = []

    def run(seen: Snapshot) -> None:
        try:
            publish(engine, seen, origin())
        except Superseded:
            superseded.append(seen.observed_at)

    threads = [threading.Thread(target=run, args=(seen,)) for seen in snapshots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = [row[0] for row in fetch_rows(engine, "select observed_at from amocrm.snapshot order by published_at")]
    assert ledger == sorted(ledger)
    assert sorted(ledger + superseded) == [seen.observed_at for seen in snapshots]
    assert fetch_rows(engine, "select count(*) from amocrm.segment_version") == [(1,)]


def test_same_load_published_by_many_at_once_is_there_once(engine: Engine) -> None:
    seen, made = snapshot(hours(0), segments=(segment(1),)), origin(uuid4())
    results = []
    threads = [threading.Thread(target=lambda: results.append(publish(engine, seen, made).is_new)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 5 + [True]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into amocrm.segment_version (account_id, segment_id, valid_from) values (:account, 1, :other)",
        "insert into amocrm.segment_version (account_id, segment_id, valid_from, valid_to, end_reason)"
        " values (:account, 9, :other, :at, 'changed')",
        "insert into amocrm.segment_size values (:account, 1, :other, 5)",
        "insert into amocrm.segment_size values (:account, 2, :at, -1)",
        "insert into amocrm.segment_field_value (account_id, segment_id, valid_from, field_id, position)"
        " values (7, 1, :at, 1, 0)",
        "update amocrm.segment_version set valid_to = :at, end_reason = 'changed'",
        "update amocrm.segment_version set end_reason = 'changed'",
        "insert into amocrm.stage_version (account_id, stage_id, valid_from, rule_group_count, content_hash)"
        " values (:account, 1, :other, 0, sha256(''))",
    ],
)
def test_bad_states_are_impossible(engine: Engine, statement: str) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),)), origin())
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(statement), {"account": ACCOUNT_ID, "at": hours(0), "other": hours(5)})


def test_versions_of_an_entity_never_overlap(engine: Engine) -> None:
    publish(engine, snapshot(hours(0), segments=(segment(1),)), origin())
    publish(engine, snapshot(hours(1), segments=(segment(1, name="B"),)), origin())
    publish(engine, snapshot(hours(2), segments=(segment(1, name="B"),)), origin())
    publish(engine, snapshot(hours(3), segments=(segment(1, name="B"),)), origin())
    with pytest.raises(IntegrityError, match="segment_version_overlap"), engine.begin() as connection:
        connection.execute(
            text(
                "insert into amocrm.segment_version (account_id, segment_id, valid_from, valid_to, end_reason)"
                " values (:account, 1, :from, :to, 'changed')"
            ),
            {"account": ACCOUNT_ID, "from": hours(2), "to": hours(3)},
        )


@pytest.mark.parametrize("relation", WRITTEN_RELATIONS, ids=lambda relation: relation.name)
def test_relations_are_the_tables(engine: Engine, relation: Relation) -> None:
    """Columns, their order aside from those that publishing fills in later, and the key are the database's own."""
    columns = fetch_rows(
        engine,
        "select column_name, data_type from information_schema.columns"
        f" where table_schema = 'amocrm' and table_name = '{relation.name}' order by ordinal_position",
    )
    written = [name for name, _ in columns if name not in ("valid_to", "end_reason")]
    assert list(relation.columns) == written
    assert {name for name, kind in columns if kind == "jsonb"} <= JSON_COLUMNS
    key = fetch_rows(
        engine,
        "select string_agg(a.attname, ',' order by array_position(i.indkey::int[], a.attnum::int)) from pg_index i"
        " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)"
        f" where i.indisprimary and i.indrelid = 'amocrm.{relation.name}'::regclass",
    )
    assert key == [(",".join(relation.key),)]


def test_names_are_data(engine: Engine) -> None:
    names = [
        "'; drop table amocrm.segment_version; --",
        "%s %(x)s",
        "{}",
        "$$",
        "\\.",
        "\\N",
        "a\tb\nc",
        "</script>",
        "=cmd()",
    ]
    publish(engine, snapshot(hours(0), segments=tuple(segment(i + 1, name=n) for i, n in enumerate(names))), origin())
    assert fetch_rows(engine, "select name from analytics.segments order by segment_id") == [(name,) for name in names]
    replaced = tuple(segment(i + 1, name=n, extra={n: n}) for i, n in enumerate(names))
    publish(engine, replace(snapshot(hours(1)), segments=replaced), origin())
    assert fetch_rows(engine, "select extra ->> name from analytics.segments order by segment_id") == [
        (n,) for n in names
    ]


def test_a_first_load_after_an_analysis_of_empty_tables_checks_by_index(engine: Engine) -> None:
    """A new server's autovacuum may see the tables before the first load does."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    segments = [segment(number, 10, field_values=(text_value(7, "x"),)) for number in range(1, 31)]
    publish(engine, snapshot(hours(0), segments=segments, fields=[field(7)]), origin())
    with engine.connect() as connection:
        connection.execute(text("select pg_stat_force_next_flush()"))
    scans = "select seq_scan from pg_stat_user_tables where relname = 'segment_version'"
    assert fetch_rows(engine, scans) == [(0,)]
