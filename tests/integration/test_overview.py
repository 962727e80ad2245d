"""Summary of a load, from a fixed history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from pipelines.base.errors import DatabaseError
from pipelines.report.change_sentences import describe_changes
from pipelines.report.overview import read_overview
from pipelines.report.sizes import ReportDay, read_segments
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.publish import publish
from tests.records import ACCOUNT_ID, origin, segment, snapshot
from tests.sample_history import GOOD_FRIDAY, VIP, WEDNESDAY, publish_history


def test_a_reported_row_count_is_right(engine: Engine) -> None:
    publish_history(engine)
    told = read_overview(engine, origin().account_key).row_counts
    with engine.connect() as connection:
        schemas = dict.fromkeys(told, "analytics") | {"load_failure": "amocrm"}
        shown = {name: connection.scalar(text(f"select count(*) from {schemas[name]}.{name}")) for name in told}
    assert told == shown
    assert sum(told.values()) > 0


def test_what_changed_lately_in_words(engine: Engine) -> None:
    publish_history(engine)
    told = [one.text for one in read_overview(engine, origin().account_key).changes]
    assert told == [
        "customers mode of account 'Corner Coffee' changed from periodicity to segments",
        "timezone of account 'Corner Coffee' changed from Europe/Berlin to Europe/London",
        "3 segments came back with the account's mode: 'VIP club', 'Cold', 'Fresh'",
        "2 stages ended with the account's mode: 'Closed', 'Bought'",
        "3 fields came back with the account's mode: 'Region', 'Discount, %', 'Region'",
        "2 options came back with the account's mode: 'Nord', 'South'",
        "rules of stage 'Closed' changed: after today: 60 → 90 days",
        "customers mode of account 'Corner Coffee' changed from segments to periodicity",
        "3 segments ended with the account's mode: 'VIP club', 'Cold', 'Fresh'",
        "stage 'Closed' added",
        "stage 'Bought' added",
        "3 fields ended with the account's mode: 'Region', 'Discount, %', 'Region'",
        "2 options ended with the account's mode: 'Nord', 'South'",
    ]


def test_only_later_changes_and_only_so_many(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    with engine.connect() as connection:
        newest = read_changes(connection, ACCOUNT_ID, after=WEDNESDAY - timedelta(seconds=1))
        assert {change.observed_at for change in newest} == {WEDNESDAY}
        assert read_changes(connection, ACCOUNT_ID, after=WEDNESDAY) == []
        assert read_changes(connection, ACCOUNT_ID, limit=1) == newest
    assert [one.text for one in describe_changes(newest)] == [
        "segment 'Fresh' added",
        "segment 'VIP' renamed to 'VIP club'",
        "segment 'New' deleted",
    ]


def test_days_of_the_segments_that_are_there_the_largest_first(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    with engine.connect() as connection:
        vip, cold, fresh = read_segments(connection, ACCOUNT_ID, first_date=date(2026, 3, 29))
    assert (vip.name, vip.customers_count, cold.customers_count, fresh.customers_count) == ("VIP club", 120, 7, 5)
    assert vip.days == (
        ReportDay(date=date(2026, 3, 29), size=109, is_observed=True),
        ReportDay(date=date(2026, 3, 30), size=None, is_observed=False),
        ReportDay(date=date(2026, 3, 31), size=None, is_observed=False),
        ReportDay(date=date(2026, 4, 1), size=120, is_observed=True),
    )
    assert fresh.days == (ReportDay(date=date(2026, 4, 1), size=5, is_observed=True),)


def test_only_a_jump_of_the_latest_day_is_reported(engine: Engine) -> None:
    first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sizes = [*[100, 101] * 20, 300, 301]
    for day, size in enumerate(sizes):
        publish(engine, snapshot(first + timedelta(days=day), segments=(segment(VIP, size, name="VIP"),)), origin())
        if day == len(sizes) - 2:
            [jump] = read_overview(engine, origin().account_key).jumps
            assert (jump.name, jump.previous_count, jump.last_count) == ("VIP", 101, 300)
    assert read_overview(engine, origin().account_key).jumps == []


def test_an_account_without_a_snapshot(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="account 'none': it has no snapshot yet"):
        read_overview(engine, "none")


def test_the_newest_snapshot_is_what_now_means(engine: Engine) -> None:
    publish_history(engine)
    assert read_overview(engine, origin().account_key).observed_at == GOOD_FRIDAY
