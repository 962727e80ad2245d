"""Event log for Dagster in SQLite, with the files of Dagster's default one, that takes less time per event.

The default one opens and closes a connection and compiles its SQL for every statement, waits for the disk at every
commit, and reads all of alembic's migrations for each new run: together 0.7 s of a load of one account.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from assets.dagster_internals import (
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    SqlEventLogStorageMetadata,
    SqliteEventLogStorage,
    SqlPollingEventWatcher,
)


class PooledSqliteEventLog(SqliteEventLogStorage):
    """Dagster's default event log that keeps a connection to the index and one to the latest run's file."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:  # its folder is known later
        self._inst_data = inst_data
        self._engines: dict[str, Engine] = {}
        self._watcher: SqlPollingEventWatcher | None = None

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Accept no configuration."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> PooledSqliteEventLog:  # noqa: ARG003
        """Build the storage that a ``dagster.yaml`` names."""
        return cls(inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the files of this Dagster's home, where the default event log has them."""
        super().__init__(str(Path(instance.root_directory, "history", "runs")), self._inst_data)
        super().register_instance(instance)

    def watch(self, run_id: str, cursor: str | None, callback: Any) -> None:
        """Poll for a run's events: its file is not modified while its writer keeps the connection open."""
        if self._watcher is None:
            self._watcher = SqlPollingEventWatcher(self)
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Any) -> None:
        """Stop to poll for a run's events."""
        if self._watcher:
            self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        """Stop to poll and close the connections."""
        if self._watcher:
            self._watcher.close()
        with self._db_lock:
            for shard in list(self._engines):
                self._engines.pop(shard).dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # The lock admits one thread, so one connection per file is enough.
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        """Return the engine of a file; open it first if needed, and close those of other runs."""
        if shard in self._engines:
            return self._engines[shard]
        for other in self._engines.keys() - {INDEX_SHARD_NAME, shard}:
            self._engines.pop(other).dispose()
        engine = self._engines[shard] = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", wait_for_disk_at_checkpoints_only)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002 - Dagster's
        """Create a run's tables at the index's revision, so that alembic need not look for the latest one."""
        try:
            with engine.begin() as connection:
                if inspect(connection).has_table("alembic_version"):
                    return
            with self._engine(INDEX_SHARD_NAME).connect() as index:
                revision = index.scalar(text("select version_num from alembic_version"))
            with engine.connect() as connection:
                connection.execute(text("pragma journal_mode = wal"))
                connection.execute(text("begin immediate"))  # sqlite3 would commit each table by itself
                SqlEventLogStorageMetadata.create_all(connection)
                connection.execute(text("create table alembic_version (version_num varchar(32) not null)"))
                connection.execute(text("insert into alembic_version values (:revision)"), {"revision": revision})
                connection.commit()
        except DBAPIError:  # it is the index, or another process creates it too
            super()._initdb(engine, for_index_shard)


def wait_for_disk_at_checkpoints_only(connection: Any, _: object) -> None:
    """Keep a commit from waiting for the disk. If the machine loses power, the last events are lost, and no more."""
    connection.execute("pragma synchronous = normal")
