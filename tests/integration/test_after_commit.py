"""Postgres fails in a step behind the commit: the load's result says what is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from commands.sync import describe_outcome
from emulator import Emulator
from pipelines.base.errors import DatabaseUnavailable
from pipelines.load import load as load_module
from pipelines.load.failure_record import failures_recorded
from pipelines.load.fleet import load_fleet
from pipelines.load.load import extract_load, publish_load
from pipelines.load.result import LoadResult
from pipelines.report.figures import read_figures
from pipelines.report.formats import Formats
from pipelines.report.page import render_page
from pipelines.report.tables import build_tables
from pipelines.warehouse import timezones
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.past import read_stored_accounts
from pipelines.warehouse.publish import publish
from pipelines.warehouse.timezones import update_database_timezones
from pipelines.writeback import apply as apply_module
from pipelines.writeback.journal import apply_lock, record_outcome
from tests.accounts import Shop, emulator_clock, fetch_rows
from tests.integration.test_apply import WritableAccount
from tests.records import ACCOUNT_ID, account, hours, origin, snapshot
from tests.sample_history import publish_history

Work = Callable[..., Any]


def failing(work: Work, engine: Engine, *, times: int, is_done_first: bool = False) -> Work:
    """Do the work, and lose all connections to Postgres in it the first so many times."""
    calls: list[None] = []

    def fail_first(*args: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) > times:
            return work(*args, **options)
        if is_done_first:
            work(*args, **options)
        with transaction(engine) as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid, 10000) from pg_stat_activity where pid <> pg_backend_pid()"
                    " and datname = current_database() and backend_type = 'client backend'"
                )
            )
            connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        raise AssertionError("the connection is still open")

    return fail_first


def loaded(account: Shop) -> LoadResult:
    clock = emulator_clock(account.emulator)
    [result] = load_fleet(account.engine, [account.account], account.settings, threads=1, clock=clock)
    return result


@pytest.mark.parametrize(("step", "times"), [("update_wide_view", 1), ("store_digests", 1), ("purge_expired", 9)])
def test_a_lost_connection_after_publishing_does_not_fail_the_load(
    account: Shop, monkeypatch: pytest.MonkeyPatch, step: str, times: int
) -> None:
    monkeypatch.setattr(load_module, step, failing(getattr(load_module, step), account.engine, times=times))
    result = loaded(account)
    assert result.failure is None, result.failure
    assert "versions opened" in describe_outcome(result)
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]
    assert account.rows("select count(*) from amocrm.load_failure") == [(0,)]
    monkeypatch.undo()
    account.load(5)  # repeats the steps that failed
    assert account.rows(
        "select count(*) from amocrm.newest_answers join amocrm.snapshot using (account_id, observed_at)"
    ) == [(1,)]
    assert account.rows(f"select count(*) from analytics.segments_{account.id}") == [(2,)]


def test_a_lost_response_to_the_commit_is_looked_up(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = loaded(account)
    account.world.set_size(account.id, account.vip, 12)
    account.world.add_segment(account.id, "Third", size=1)
    account.emulator.clock.advance(hours(1) - hours(0))
    monkeypatch.setattr(load_module, "publish", failing(publish, account.engine, times=1, is_done_first=True))
    result = loaded(account)
    assert result.loaded is not None
    assert plain.loaded is not None
    assert not result.loaded.published.is_new
    assert "2 sizes changed, 1 version opened" in describe_outcome(result)
    monkeypatch.undo()
    account.emulator.clock.advance(hours(1) - hours(0))
    account.world.set_size(account.id, account.vip, 13)
    context = account.context(5)
    reference = extract_load(context)
    first, second = publish_load(context, reference).published, publish_load(context, reference).published
    assert (first.is_new, second.is_new) == (True, False)
    assert (second.opened_count, second.size_change_count) == (first.opened_count, first.size_change_count) == (0, 1)


def test_no_failure_is_recorded_for_a_snapshot_that_is_stored(account: Shop) -> None:
    account.load(0)
    for hour, count in ((0, 0), (1, 1)):
        with pytest.raises(DatabaseUnavailable), failures_recorded(account.context(hour), hours(hour)):
            raise DatabaseUnavailable("lost")
        assert account.rows("select count(*) from amocrm.load_failure") == [(count,)]


def test_an_apply_records_the_outcome_of_a_call_and_ends_well(
    emulator: Emulator, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = WritableAccount(emulator, engine, tmp_path)
    account.world.add_segment(account.id, "VIP", size=10)
    monkeypatch.setattr(apply_module, "record_outcome", failing(record_outcome, engine, times=1))
    result = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert (result.error, [call.outcome for call in result.applied_calls]) == (None, ["done"])
    assert account.rows("select outcome, thing_name from analytics.write_backs") == [("done", "Gold")]


def test_an_apply_whose_lock_is_lost_at_its_end_keeps_its_result(engine: Engine) -> None:
    with apply_lock(engine, ACCOUNT_ID, "main"), transaction(engine) as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where state like 'idle in trans%'"
                " and datname = current_database()"
            )
        )
    with apply_lock(engine, ACCOUNT_ID, "main"):
        pass


def test_a_timezone_that_this_machine_does_not_know_breaks_no_command(engine: Engine) -> None:
    publish_history(engine)
    for zone in ("Mars/Base", "", "Europe", "../x", "x\u0001y", "z" * 5_000):
        with transaction(engine) as connection:
            connection.execute(text("update amocrm.account set timezone = :zone"), {"zone": zone})
            assert [stored.timezone.key for stored in read_stored_accounts(connection)] == ["UTC"], zone
        figures = read_figures(engine, "main")
        assert "timezone, UTC." in render_page(figures, now=hours(99), language="en"), zone
        assert list(build_tables([figures])), zone
        assert Formats.for_account(None, zone).timezone.key == "UTC"


def test_a_timezone_that_the_server_does_not_know_breaks_no_view(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_history(engine)
    other = account(id=ACCOUNT_ID + 1, timezone="Europe/Kiev")
    publish(engine, snapshot(hours(0), account=other), origin(account_key="other"))
    columns = "select timezone, database_timezone from amocrm.account where account_key = 'other'"
    assert fetch_rows(engine, columns) == [("Europe/Kiev", None)]
    change = text("update amocrm.account set timezone = :zone where account_key = 'other'")
    for zone in ("Mars/Base", "", "x\u0001y", "FOO'"):
        with transaction(engine) as connection:
            connection.execute(change, {"zone": zone})
        fetch_rows(engine, "select * from analytics.gaps")
    monkeypatch.setattr(timezones, "other_names", lambda _: ("Mars/Older", "Europe/Kyiv"))
    publish(
        engine,
        snapshot(hours(1), account=account(id=ACCOUNT_ID + 1, timezone="Europe/Kiev")),
        origin(account_key="other"),
    )
    assert fetch_rows(engine, columns) == [("Europe/Kiev", None)]
    with transaction(engine) as connection:
        connection.execute(change, {"zone": "Mars/Base"})
        update_database_timezones(connection)
    assert fetch_rows(engine, columns) == [("Mars/Base", "Europe/Kyiv")]
    instant = "timestamptz '2026-03-01 22:30Z'"
    for names, day in (("'Mars/Base', 'Europe/Kyiv'", 2), ("'Mars/Base', null", 1), ("'Asia/Tokyo', 'Europe/Kyiv'", 2)):
        query = f"select extract(day from amocrm.local_date({instant}, array[{names}]))"
        assert fetch_rows(engine, query) == [(day,)]
