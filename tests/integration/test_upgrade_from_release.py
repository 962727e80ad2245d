"""Upgrade from the first released schema: nothing is lost, and loads continue."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text

import sql
from emulator import effects
from faults.invariants import broken
from pipelines.alerts.size_alert_store import read_ongoing
from pipelines.base.errors import DatabaseUnavailable, MigrationError
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import check_schema, list_pending, migrate
from pipelines.warehouse.readers import create_account_reader
from tests.released_warehouse import ReleasedAccounts, migrate_before, open_released_accounts, restore_dump

OTHERWISE = {
    "changes": {"old_text", "new_text"},
    "freshness": {"age_seconds", "is_stale", "missed_count", "usual_seconds", "is_late"},
    "gaps": {"gap_seconds", "missed_count", "usual_seconds"},
}
"""Rules of stages, which are in words; columns that follow the time of asking; and the rhythm, which is known from ten
snapshots on since, and around a gap from more spans."""


@pytest.fixture
def old(empty_database_url: str) -> Iterator[Engine]:
    """The old warehouse, not migrated yet."""
    restore_dump(empty_database_url)
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def companies(empty_database_url: str, tmp_path: Path) -> Iterator[ReleasedAccounts]:
    with open_released_accounts(empty_database_url, tmp_path) as companies:
        yield companies


def views(engine: Engine) -> dict[str, list[str]]:
    """Columns of every view of ``analytics``."""
    with engine.connect() as connection:
        return {
            row.name: row.columns
            for row in connection.execute(
                text("""
                    select relation.relname as name, array_agg(attname::text order by attnum) as columns
                    from pg_class as relation join pg_attribute on attrelid = relation.oid and attnum > 0
                    where relnamespace = 'analytics'::regnamespace and relkind = 'v' group by 1
                """)
            )
        }


def contents(engine: Engine, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Rows of these columns of these views, as text in an order of their own."""
    with engine.connect() as connection:
        return {
            view: [
                str(tuple(row)) for row in connection.execute(text(f"select {', '.join(named)} from analytics.{view}"))
            ]
            for view, named in columns.items()
        }


def load(engine: Engine, companies: ReleasedAccounts, key: str) -> PublishedLoad:
    return load_account(LoadContext(engine, companies.settings.account(key), companies.settings, clock=companies.clock))


def account_ids(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(text("select account_id from amocrm.account")))


def invariants_broken(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [name for account_id in account_ids(engine) for name in broken(connection, account_id)]


def test_views_give_what_they_gave(old: Engine) -> None:
    before = views(old)
    assert len(before) > 20
    asked = {
        view: [f'"{column}"' for column in columns if column not in OTHERWISE.get(view, ())]
        for view, columns in before.items()
    }
    given = contents(old, asked)
    assert list_pending(old)
    migrate(old)
    check_schema(old)
    after = views(old)
    assert [view for view, columns in before.items() if not set(columns) <= set(after.get(view, ()))] == []
    found = contents(old, asked)
    assert found["gaps"]
    given["gaps"] = [row for row in given["gaps"] if row in found["gaps"]]  # of an account with a rhythm
    assert {view: sorted(rows) for view, rows in found.items()} == {view: sorted(rows) for view, rows in given.items()}
    assert sum(map(len, given.values())) > 1_000
    assert invariants_broken(old) == []


def test_loads_go_on_where_they_were(old: Engine, companies: ReleasedAccounts) -> None:
    migrate(old)
    unchanged = load(old, companies, "tea")
    assert (unchanged.published.is_new, unchanged.published.opened_count, unchanged.published.closed_count) == (
        True,
        0,
        0,
    )

    # What was applied after the last load is not part of the story: the segment that was added is gone.
    changed = load(old, companies, "coffee")
    assert changed.published.closed_count == 1
    shown = {
        (segment.id, segment.name, segment.customers_count)
        for segment in companies.emulator.world.account(companies.simulations["coffee"].account_id).live_segments()
    }
    with old.connect() as connection:
        rows = connection.execute(
            text("select segment_id, name, customers_count from analytics.segments where account_id = :account_id"),
            {"account_id": changed.extracted.account_id},
        )
        assert {tuple(row) for row in rows} == shown
    assert invariants_broken(old) == []


VERSIONS = ("stage_version", "stage_rule", "field_version", "option_version", "segment_version", "segment_field_value")


def test_after_an_upgrade_nothing_unchanged_is_versioned_again(
    old: Engine, companies: ReleasedAccounts, empty_database_url: str, tmp_path: Path
) -> None:
    """From the last schema before the quick reader, with the digests and the cache of earlier code."""
    migrate_before(old, empty_database_url, "0018", tmp_path)
    with old.begin() as connection:
        for statement in (
            "insert into amocrm.newest_answers select account_id, max(observed_at), 'earlier', '[]'"
            " from amocrm.snapshot group by account_id on conflict (account_id) do update set reading_code = 'earlier'",
            "insert into amocrm.row_memory select account_id, 'earlier', '{}' from amocrm.account",
        ):
            connection.execute(text(statement))
    migrate(old)

    def rows() -> dict[str, set[str]]:
        with old.connect() as connection:
            return {
                table: set(connection.scalars(text(f"select cast(row as text) from amocrm.{table} as row")))
                for table in VERSIONS
            }

    before = rows()
    closed = load(old, companies, "tea").published.closed_count + load(old, companies, "coffee").published.closed_count
    after = rows()
    assert closed == 1, "the segment that was added and applied after the dump"
    assert {table: len(before[table] - after[table]) for table in VERSIONS} == dict.fromkeys(VERSIONS, 0) | {
        "segment_version": 1
    }
    assert {table: len(after[table] - before[table]) for table in VERSIONS} == dict.fromkeys(VERSIONS, 0) | {
        "segment_version": 1
    }
    assert sum(map(len, before.values())) > 100
    assert invariants_broken(old) == []


RAW = "a\x01\t\x1b[31mb\x7f\x9b c\u061c\u200e\u2028\u202e\u2066\u2069\nd’é"
VISIBLE = "a???[31mb?? c??????\nd’é"


@pytest.mark.parametrize("is_partial", [False, True])
def test_messages_of_earlier_versions_become_visible(
    old: Engine, empty_database_url: str, tmp_path: Path, is_partial: bool
) -> None:
    """Also if the last version before told readers apart, whose tables have row-level security."""
    [account_id, *_] = account_ids(old)
    if is_partial:
        migrate_before(old, empty_database_url, "0015", tmp_path)
        create_account_reader(old, account_id)
    calls = {str(uuid4()): error for error in (RAW, "plain", None)}
    with old.begin() as connection:
        for number, message in enumerate((RAW, "plain")):
            connection.execute(
                text("""
                    insert into amocrm.load_failure (account_key, account_id, started_at, failed_at, error, message)
                    values ('made', :account_id, now() + make_interval(mins => :number), now(), 'E', :message)
                """),
                {"account_id": account_id, "number": number, "message": message},
            )
        for position, (call_id, error) in enumerate(calls.items()):
            connection.execute(
                text("""
                    insert into amocrm.write_back
                        (account_id, call_id, apply_id, position, intended_at, ended_at, outcome, who, source, method,
                        path, error)
                    values (:account_id, :call_id, gen_random_uuid(), :position, now(), now(), 'refused', 'w', 's',
                        'POST', '/', :error)
                """),
                {"account_id": account_id, "call_id": call_id, "position": position, "error": error},
            )
    assert "0015_visible_messages.sql" in migrate(old).migrations
    with old.connect() as connection:
        query = "select message from amocrm.load_failure where account_key = 'made' order by started_at"
        assert connection.scalars(text(query)).all() == [VISIBLE, "plain"]
        query = "select error from amocrm.write_back where call_id = any(cast(:calls as uuid[])) order by position"
        assert connection.scalars(text(query), {"calls": list(calls)}).all() == [VISIBLE, "plain", None]


def test_bonus_points_move_into_their_columns(old: Engine, empty_database_url: str, tmp_path: Path) -> None:
    """In closed versions, too; values of another type stay in ``extra``."""
    migrate_before(old, empty_database_url, "0020", tmp_path)
    rate, discount = "bonus_points_conversion_rate", "bonus_points_max_discount"
    received = [
        {rate: 2.5, discount: 50, "other": 1},
        {rate: None},
        {rate: "5", discount: 10},
    ]
    with old.begin() as connection:
        connection.execute(text("alter table amocrm.segment_version disable trigger closed_is_closed"))
        for place, extra in enumerate(received):
            connection.execute(
                text("""
                    update amocrm.segment_version set extra = cast(:extra as jsonb), name = :name where ctid = (
                        select ctid from amocrm.segment_version where name not like 'made%'
                        order by valid_to nulls last, segment_id limit 1
                    )
                """),
                {"extra": json.dumps(extra), "name": f"made {place}"},
            )
        connection.execute(text("alter table amocrm.segment_version enable trigger closed_is_closed"))
    migrate(old)
    with old.connect() as connection:
        query = f"select {rate}, {discount}, extra from amocrm.segment_version where name like 'made%' order by name"
        rows = [tuple(row) for row in connection.execute(text(query))]
    assert rows == [(Decimal("2.5"), 50, {"other": 1}), (None, None, None), (None, 10, {rate: "5"})]


def test_flows_of_customers_move_into_a_row_per_day(old: Engine, empty_database_url: str, tmp_path: Path) -> None:
    migrate_before(old, empty_database_url, "0025", tmp_path)
    create_account_reader(old, account_ids(old)[0])
    with old.begin() as connection:
        connection.execute(
            text("""
                insert into amocrm.place_flow_day
                select account_id, number % 2 = 0, date '2026-05-01' + number / 10, number % 3, number % 5, number
                from amocrm.account cross join generate_series(1, 50) as number
            """)
        )
        query = """
            select account_id, case when is_stage then 'stage' else 'segment' end, flow_date,
                nullif(from_place_id, 0), nullif(to_place_id, 0), customers_count
            from amocrm.place_flow_day
        """
        before = {tuple(row) for row in connection.execute(text(query))}
    assert len(before) == 150
    migrate(old)
    with old.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("select * from analytics.place_flows_daily"))]
        assert (len(rows), set(rows)) == (150, before)
        isolated = "select relrowsecurity from pg_class where oid = to_regclass('amocrm.place_flow_day')"
        assert connection.scalar(text(isolated))
        assert connection.scalar(text("select count(*) from amocrm.place_flow_day")) == 33


def test_an_ongoing_alert_and_a_reported_failure_outlast_the_columns_of_stages(
    old: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    migrate_before(old, empty_database_url, "0027", tmp_path)
    account_id = account_ids(old)[0]
    with old.begin() as connection:
        connection.execute(
            text("""
                insert into amocrm.size_alert (
                    account_id, alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at,
                    previous_count, observed_at, customers_count, missed_days, around, message
                )
                select account_id, gen_random_uuid(), 1, 'VIP', 'up 1 in 1 day', 'up', 1, min(observed_at), 1,
                    max(observed_at), 2, 0, '[]', 'grew'
                from amocrm.snapshot where account_id = :account_id group by account_id
            """),
            {"account_id": account_id},
        )
        connection.execute(text("insert into amocrm.failure_notice values ('main', 'Forbidden', now(), now(), now())"))
    migrate(old)
    with old.connect() as connection:
        alerts = "select place, place_id, place_name, segment_id, ended_at from analytics.size_alerts"
        assert [tuple(row) for row in connection.execute(text(alerts))] == [("segment", 1, "VIP", 1, None)]
        assert connection.scalar(text("select not is_scan from amocrm.failure_notice"))
        [ongoing] = read_ongoing(connection, account_id, is_stage=False)
        assert (ongoing.place_id, read_ongoing(connection, account_id, is_stage=True)) == (1, [])


def test_what_others_built_on_our_views_is_still_there(old: Engine) -> None:
    with old.begin() as connection:
        connection.execute(
            text("create view public.mine as select segment_id, customers_count from analytics.segments")
        )
        count = connection.scalar(text("select count(*) from public.mine"))
    migrate(old)
    with old.connect() as connection:
        assert connection.scalar(text("select count(*) from public.mine")) == count


def one_more(folder: Path, statement: str) -> Path:
    """The program's own files, and a migration after them."""
    for kind in ("migrations", "views"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for file in (files(sql) / kind).iterdir():
            (folder / kind / file.name).write_bytes(file.read_bytes())
    number = len(list((folder / "migrations").iterdir())) + 1
    (folder / "migrations" / f"{number:04}_next.sql").write_text(statement)
    return folder


ADD_COLUMN = "alter table amocrm.snapshot add column note text; alter table amocrm.segment_size add column note text;"


def until(url: str, question: str, thread: threading.Thread) -> None:
    """Ask until there is a row, as long as the thread lives."""
    with psycopg.connect(url, autocommit=True) as observer:
        while observer.execute(question).fetchone() is None:
            assert thread.is_alive()
            time.sleep(0.01)


def test_a_load_is_asking_meanwhile(old: Engine, companies: ReleasedAccounts, tmp_path: Path) -> None:
    migrate(old)
    source = one_more(tmp_path / "next", ADD_COLUMN)
    migrating = effects.before_response(lambda _world: migrate(old, source))
    with companies.emulator.faults.during(migrating, resource="segments", times=1):
        loaded = load(old, companies, "coffee")
    assert loaded.published.is_new
    assert list_pending(old, source) == ()
    assert invariants_broken(old) == []


def test_a_load_is_publishing_meanwhile(old: Engine, tmp_path: Path, empty_database_url: str) -> None:
    migrate(old)
    source = one_more(tmp_path / "next", ADD_COLUMN)
    migrating = threading.Thread(target=migrate, args=(old, source))
    with old.begin() as publishing:
        publishing.execute(text("select from amocrm.account for no key update"))
        publishing.execute(text("select from amocrm.segment_size limit 1"))
        migrating.start()
        waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'lock table'"
        until(empty_database_url, waiting, migrating)
        publishing.execute(text("insert into amocrm.load_failure values ('coffee', now(), null, now(), 'A', 'B')"))
    migrating.join(60)
    assert list_pending(old, source) == ()


def test_migrating_is_cut_short_and_begun_again(old: Engine, tmp_path: Path, empty_database_url: str) -> None:
    source = one_more(tmp_path / "next", f"{ADD_COLUMN} select pg_sleep(60);")
    failed: list[Any] = []

    def try_it() -> None:
        try:
            migrate(old, source)
        except (DatabaseUnavailable, MigrationError) as error:
            failed.append(error)

    migrating = threading.Thread(target=try_it)
    migrating.start()
    sleeping = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'"
    until(empty_database_url, f"{sleeping} and datname = current_database()", migrating)
    migrating.join(60)
    assert isinstance(failed[0], DatabaseUnavailable)
    [left, views_left] = list_pending(old, source)
    assert left.endswith("_next.sql")
    assert views_left == "views"
    (source / "migrations" / left).write_text(ADD_COLUMN)
    migrate(old, source)
    assert list_pending(old, source) == ()
    assert invariants_broken(old) == []
