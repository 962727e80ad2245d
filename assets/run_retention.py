"""Retention of Dagster's runs, which Dagster itself never deletes."""

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
    """Delete finished runs created before then, with their events, check results and logs; return how many.

    A run is kept while the UI shows it: as the latest materialization or observation of an asset's partition, or as
    the latest result of a check. So an account that is no longer loaded still shows its last load.
    """
    events = sql_event_log(instance)
    old = instance.get_run_ids(dg.RunsFilter(statuses=FINISHED_STATUSES, created_before=before))
    shown = displayed_runs(events) if old else frozenset()
    deleted = [run_id for run_id in old if run_id not in shown]
    for run_id in deleted:
        delete_run(instance, events, run_id)
    return len(deleted)


def sql_event_log(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """Return the instance's event log, which is an SQL database whichever storage is configured."""
    events = instance.event_log_storage
    while not isinstance(events, SqlEventLogStorage):
        events = events.event_log_storage  # type: ignore[attr-defined]  # test instances wrap it
    return events


def displayed_runs(events: SqlEventLogStorage) -> frozenset[str]:
    """Return the ids of runs that hold the latest event of an asset partition or the latest result of a check."""
    event, check = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    latest_events = (
        sa.select(sa.func.max(event.id))
        .where(event.asset_key.is_not(None), event.dagster_event_type.in_(DISPLAYED_EVENTS))
        .group_by(event.asset_key, event.dagster_event_type, event.partition)
    )
    latest_checks = sa.select(sa.func.max(check.id)).group_by(check.asset_key, check.check_name, check.partition)
    with events.index_connection() as connection:
        return frozenset(
            connection.scalars(
                sa.union(
                    sa.select(event.run_id).where(event.id.in_(latest_events)),
                    sa.select(check.run_id).where(check.id.in_(latest_checks)),
                )
            )
        )


def delete_run(instance: dg.DagsterInstance, events: SqlEventLogStorage, run_id: str) -> None:
    """Delete everything stored about a run; the run itself last, so that an interrupted deletion is repeated."""
    events.delete_events(run_id)
    with events.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id == run_id))
    if isinstance(events, SqliteEventLogStorage):  # a file for each run
        for ending in ("", "-wal", "-shm"):
            Path(events.path_for_shard(run_id) + ending).unlink(missing_ok=True)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.run_storage.delete_run(run_id)
