"""Deleting Dagster's old runs: of itself it keeps runs and their events for ever. Nothing here knows the warehouse."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import dagster as dg
import sqlalchemy as sa

from assets.dagster_internals import (
    FINISHED_STATUSES,
    AssetCheckExecutionsTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)

DISPLAYED_EVENTS: Final = (dg.DagsterEventType.ASSET_MATERIALIZATION.value, dg.DagsterEventType.ASSET_OBSERVATION.value)


def delete_old_runs(instance: dg.DagsterInstance, *, before: datetime) -> int:
    """Delete the finished runs that were created before then, with their events, check results and logs; how many.

    A run stays, however old, as long as an asset's page shows it: as the newest materialization or observation of an
    asset for a partition, or as the newest result of a check. So an account that is loaded no more still shows its
    last load.
    """
    events = sql_event_log(instance)
    old = instance.get_run_ids(dg.RunsFilter(statuses=FINISHED_STATUSES, created_before=before))
    shown = displayed_runs(events) if old else frozenset()
    deleted = [run_id for run_id in old if run_id not in shown]
    for run_id in deleted:
        delete_run(instance, events, run_id)
    return len(deleted)


def sql_event_log(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """The instance's event log, which is a SQL database whichever storage is configured."""
    events = instance.event_log_storage
    while not isinstance(events, SqlEventLogStorage):
        events = events.event_log_storage  # type: ignore[attr-defined]  # what the instance of a test wraps
    return events


def displayed_runs(events: SqlEventLogStorage) -> frozenset[str]:
    """Ids of the runs that are the newest of something."""
    event, check = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    newest_events = (
        sa.select(sa.func.max(event.id))
        .where(event.asset_key.is_not(None), event.dagster_event_type.in_(DISPLAYED_EVENTS))
        .group_by(event.asset_key, event.dagster_event_type, event.partition)
    )
    newest_checks = sa.select(sa.func.max(check.id)).group_by(check.asset_key, check.check_name, check.partition)
    with events.index_connection() as connection:
        return frozenset(
            connection.scalars(
                sa.union(
                    sa.select(event.run_id).where(event.id.in_(newest_events)),
                    sa.select(check.run_id).where(check.id.in_(newest_checks)),
                )
            )
        )


def delete_run(instance: dg.DagsterInstance, events: SqlEventLogStorage, run_id: str) -> None:
    """Delete all that is kept of a run; the run itself last, so that what was cut short is found and finished."""
    events.delete_events(run_id)
    with events.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id == run_id))
    if isinstance(events, SqliteEventLogStorage):  # a file for each run
        for ending in ("", "-wal", "-shm"):
            Path(events.path_for_shard(run_id) + ending).unlink(missing_ok=True)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.run_storage.delete_run(run_id)
