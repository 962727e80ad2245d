"""Rows that published scans leave, for tests of views over many days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import Engine, text

from pipelines.warehouse.queries import statement
from tests.records import ACCOUNT_ID

Flow = tuple[int, int, int]
"""From, to, customers; 0 is nowhere."""

_SCAN = text("""
    insert into amocrm.scan (
        account_id, started_at, scan_date, customers_count, by_id_count, gone_count, kept_count, forgotten_count,
        request_count, duration_seconds, stage_change_count, explained_count, events_until
    )
    select :account_id, :at, (cast(:at as timestamptz) at time zone timezone)::date, 0, 0, 0, 0, 0, 1, 1, 0, 0, :at
    from amocrm.account
    where account_id = :account_id
    returning scan_date
""")
_DAY = text("""
    insert into amocrm.place_day as day
    values (:account_id, :is_stage, :place_id, :scan_date, :size, :size, :size, 0, 0, 0, 0, 0)
    on conflict (account_id, is_stage, place_id, observed_date) do update set last_count = excluded.last_count
""")
_CHANGES = text("""
    create temporary table change (
        old_stage_id bigint,
        stage_id bigint,
        old_segment_ids bigint[] not null default '{}',
        segment_ids bigint[] not null default '{}'
    ) on commit drop
""")
_STAGE_CHANGE = text("""
    insert into pg_temp.change (old_stage_id, stage_id)
    select nullif(:from_id, 0), nullif(:to_id, 0) from generate_series(1, :count)
""")
_SEGMENT_CHANGE = text("""
    insert into pg_temp.change (old_segment_ids, segment_ids)
    select array_remove(array[:from_id], 0), array_remove(array[:to_id], 0) from generate_series(1, :count)
""")


def insert_scan(
    engine: Engine,
    at: datetime,
    sizes: Mapping[int, int],
    flows: Iterable[Flow] = (),
    *,
    is_stage: bool = False,
    account_id: int = ACCOUNT_ID,
) -> date:
    """Insert a scan with the sizes of places and the flows between them, and return its day."""
    with engine.begin() as connection:
        day = connection.scalars(_SCAN, {"account_id": account_id, "at": at}).one()
        place = {"account_id": account_id, "is_stage": is_stage, "scan_date": day}
        for place_id, size in sizes.items():
            connection.execute(_DAY, place | {"place_id": place_id, "size": size})
        connection.execute(_CHANGES)
        for from_id, to_id, count in flows:
            values = {"from_id": from_id, "to_id": to_id, "count": count}
            connection.execute(_STAGE_CHANGE if is_stage else _SEGMENT_CHANGE, values)
        connection.execute(statement("insert_flows"), place)
    assert isinstance(day, date)
    return day
