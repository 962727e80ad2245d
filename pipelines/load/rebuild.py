"""Making an account's tables anew from its raw answers, in an empty database, and comparing the two."""

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
    """What was made anew: the snapshots whose answers are kept without a hole up to the newest."""

    since: datetime | None  # the first of them; None where no answers are kept
    snapshot_count: int
    older_count: int  # snapshots before that one, whose answers, or those of one after them, have been purged


@dataclass(frozen=True, kw_only=True, slots=True)
class TableDiff:
    """The stored rows against those made anew, as ``(table, row as JSON)``."""

    row_count: int  # rows that were made anew
    only_stored: tuple[tuple[str, str], ...]
    only_rebuilt: tuple[tuple[str, str], ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.only_stored and not self.only_rebuilt


@contextmanager
def empty_warehouse(pg_bin: Path | None) -> Iterator[Engine]:
    """A migrated database on a server of its own, gone with the context."""
    with TemporaryDirectory(prefix="amocrm-warehouse-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # the server may run as another user than root
        with embedded_postgres(root / "postgres", binaries=pg_bin, is_durable=False) as server:
            engine = open_engine(server.url)
            try:
                migrate(engine)
                yield engine
            finally:
                engine.dispose()


def rebuild_account(source: Engine, target: Engine, account_id: int) -> RebuildResult:
    """Publish snapshots of the account again, from the answers kept in ``source`` into ``target``.

    They are the newest ones, back to the first from which on all answers are kept.
    """
    with transaction(source) as connection:
        since = connection.scalar(statement("oldest_kept_load"), {"account_id": account_id})
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
    """Hold what is stored since a snapshot against what was made anew from it on, row for row."""
    stored, rebuilt = (read_rows_since(engine, account_id, since) for engine in (source, target))
    return TableDiff(
        row_count=rebuilt.total(),
        only_stored=tuple(sorted((stored - rebuilt).elements())),
        only_rebuilt=tuple(sorted((rebuilt - stored).elements())),
    )


def read_rows_since(engine: Engine, account_id: int, since: datetime) -> Counter[tuple[str, str]]:
    """The rows that an account has from a snapshot on, as if that had been its first."""
    with transaction(engine) as connection:
        rows = connection.execute(statement("rows_since"), {"account_id": account_id, "since": since})
        return Counter((row.relation, row.row) for row in rows)
