"""Rebuild an account's tables from its raw responses in a scratch database, and diff them with the stored ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.publish import LoadOrigin, publish
from pipelines.warehouse.queries import statement
from pipelines.warehouse.raw import read_responses


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildResult:
    """Range of snapshots that were rebuilt: those from which on no responses have been purged."""

    since: datetime | None  # the first of them; None if no responses are stored
    snapshot_count: int
    older_count: int  # snapshots before ``since``


@dataclass(frozen=True, kw_only=True, slots=True)
class TableDiff:
    """Difference between the stored and the rebuilt rows, as ``(table, row as JSON)``."""

    row_count: int  # of rebuilt rows
    only_stored: tuple[tuple[str, str], ...]
    only_rebuilt: tuple[tuple[str, str], ...]

    @property
    def is_same(self) -> bool:
        """True if nothing differs."""
        return not self.only_stored and not self.only_rebuilt


@contextmanager
def empty_warehouse(pg_bin: Path | None) -> Iterator[Engine]:
    """Start a temporary Postgres server with a migrated, empty database; it is deleted when the context ends."""
    with TemporaryDirectory(prefix="amocrm-warehouse-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # if we are root, the server runs as another user
        with embedded_postgres(root / "postgres", binaries=pg_bin, is_durable=False) as server:
            engine = open_engine(server.url)
            try:
                migrate(engine)
                yield engine
            finally:
                engine.dispose()


def rebuild_account(source: Engine, target: Engine, account_id: int) -> RebuildResult:
    """Publish the account's snapshots into ``target`` from the raw responses in ``source``.

    Starts at the oldest snapshot from which on no responses have been purged.
    """
    with transaction(source) as connection:
        since = connection.scalar(statement("oldest_rebuildable_snapshot"), {"account_id": account_id})
        loads = connection.execute(statement("ledger"), {"account_id": account_id}).all()
    rebuildable = [load for load in loads if since is not None and load.observed_at >= since]
    for load in rebuildable:
        with transaction(source) as connection:
            responses = read_responses(connection, account_id, load.observed_at, load.load_id)
        publish(
            target,
            parse_snapshot(responses, load.observed_at),
            LoadOrigin(
                account_key=load.account_key,
                host=load.host,
                load_id=load.load_id,
                request_count=load.request_count,
                byte_count=load.byte_count,
                duration_seconds=load.duration_seconds,
                run_id=load.run_id,
            ),
        )
    return RebuildResult(since=since, snapshot_count=len(rebuildable), older_count=len(loads) - len(rebuildable))


def diff_tables(source: Engine, target: Engine, account_id: int, since: datetime) -> TableDiff:
    """Compare the stored rows with the rebuilt ones, from the snapshot at ``since`` on."""
    stored, rebuilt = (read_rows_since(engine, account_id, since) for engine in (source, target))
    return TableDiff(
        row_count=rebuilt.total(),
        only_stored=tuple(sorted((stored - rebuilt).elements())),
        only_rebuilt=tuple(sorted((rebuilt - stored).elements())),
    )


def read_rows_since(engine: Engine, account_id: int, since: datetime) -> Counter[tuple[str, str]]:
    """Read the account's rows from a snapshot on, as if that had been its first."""
    with transaction(engine) as connection:
        rows = connection.execute(statement("rows_since"), {"account_id": account_id, "since": since})
        return Counter((row.relation, row.row) for row in rows)
