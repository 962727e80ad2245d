"""Rows that published scans leave, for tests of views over many days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import Engine, text

from tests.records import ACCOUNT_ID

Flow = tuple[int, int, int]
"""From, to, customers; 0 is nowhere."""

_SCAN = text("""
    insert into amocrm.scan (
        account_id, started_at, scan_date, customers_count, by_id_count, gone_count, kept_count, forgotten_count,
        request_count, duration_seconds, stage_change_count, explained_count, events_until,
        is_beginning
    )
    select :account_id, :at, (cast(:at as timestamptz) at time zone timezone)::date, 0, 0, 0, 0, 0, 1, 1, 0, 0, :at, false
    from amocrm.account
    where account_id = :account_id
    returning scan_date
""")
_DAY = text("""
    insert into amocrm.place_day as day
    values (:account_id, :is_stage, :place_id, :scan_date, :size, :size, :size, 0, 0, 0, 0, 0)
    on conflict (account_id, is_stage, place_id, observed_date) do update set last_count = excluded.last_count
""")
_FLOW = text("""
    insert into amocrm.place_flow_day as day (
        account_id, is_stage, flow_date, from_place_ids, to_place_ids, customers_counts
    )
    values (:account_id, :is_stage, :scan_date, array[:from_id], array[:to_id], array[:count])
    on conflict (account_id, is_stage, flow_date) do update
    set from_place_ids = day.from_place_ids || excluded.from_place_ids,
        to_place_ids = day.to_place_ids || excluded.to_place_ids,
        customers_counts = day.customers_counts || excluded.customers_counts
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
        for from_id, to_id, count in flows:
            connection.execute(_FLOW, place | {"from_id": from_id, "to_id": to_id, "count": count})
    assert isinstance(day, date)
    return day
