"""A year of daily scans in Postgres: size on disk, the publishing of one more scan, and the views' usual questions.

Each day's changes are published by the statements of a scan. Requests, pages and their comparison are left
out, since they leave nothing behind; the last day's scan is published as a whole.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text

from bench.customers.readme import Line
from bench.customers.scan import SEGMENTS
from bench.limits import server_seconds
from bench.views import QUESTION, RUNS
from emulator import Emulator
from faults.superuser import server_with_superuser
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.customers.checkpoint import Checkpoint
from pipelines.customers.events import BEGINNING, EventCoverage
from pipelines.customers.publish_scan import publish_scan
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.queries import execute_as_is, statement, statement_text
from pipelines.warehouse.readers import create_account_reader

HERE: Final = Path(__file__).parent
KEY: Final = "bench"
DAILY: Final = (
    *("close_stays", "open_stays", "insert_scan", "insert_stage_moves", "insert_place_days", "insert_flows"),
    "delete_moves",
)
TARGET_MILLISECONDS: Final = 100.0
VACUUM_DAYS: Final = 60
"""After so many days autovacuum would find a fifth of the stays changed."""

SIZES: Final = """
    select schemaname || '.' || relname, n_live_tup, pg_total_relation_size(relid) / 1e6
    from pg_stat_user_tables
    where relname in (
        'page', 'stay', 'scan', 'place_day', 'place_flow_day', 'segment_overlap', 'stay_month', 'stay_duration',
        'stage_move', 'member_difference'
    )
    order by 3 desc
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """The account of the year."""

    account_id: int
    stages: Sequence[int]
    segments: Sequence[int]
    customers: int
    days: int

    def values(self, day: int) -> dict[str, Any]:
        """Parameters of the statements on one day; the last day's scan ran an hour ago."""
        at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=self.days - 1 - day, hours=1)
        return {
            "account_id": self.account_id,
            "stages": self.stages,
            "segments": self.segments,
            "customers": self.customers,
            "day": day,
            "at": at,
            "started_at": at,
            "scan_date": at.date(),
            "timezone": "UTC",
            "forgotten_count": 0,
            "events_from": BEGINNING,
            "events_until": at,
            "are_events_complete": True,
            "stored_from": BEGINNING,
            "stored_until": at - timedelta(days=1),
            "previous_date": None,
            "is_restart": False,
            "is_beginning": day == 0,
        }


def year(customers: int, days: int) -> Iterator[Line]:
    """Write the year, publish the last scan, and yield tables of sizes and of questions."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with server_with_superuser(folder / "postgres", binaries=None) as address:
            url = address.set(drivername="postgresql").render_as_string(hide_password=False)
            engine = open_engine(url)
            migrate(engine)
            account = load_one(engine, folder, customers, days)
            reader = create_account_reader(engine, account.account_id)
            with engine.connect() as connection:
                write(connection, account)
            before, began = server_seconds(folder / "postgres"), time.perf_counter()
            last = account.values(days - 1)
            checkpoint = open_last(engine, folder, account)
            publish_scan(checkpoint, events=EventCoverage(until=last["events_until"]), has_segments=True)
            processor_seconds = server_seconds(folder / "postgres") - before
            yield (
                "year",
                f"Publishing the last of {days} scans takes {time.perf_counter() - began:.1f} s, "
                f"{processor_seconds:.1f} s of a processor in Postgres.\n",
            )
            with closing(psycopg.connect(url, autocommit=True)) as plain:
                plain.execute("vacuum (analyze)")
                yield from (("year", line) for line in sizes(plain))
                yield from (("questions", line) for line in questions(plain, account, reader))
            engine.dispose()


def open_last(engine: Engine, folder: Path, account: Year) -> Checkpoint:
    """Take over the last scan, whose pages are written."""
    values = account.values(account.days - 1) | {"owner": KEY}
    with transaction(engine) as connection:
        connection.execute(statement("claim_scan"), values)
    return Checkpoint(
        engine=engine,
        data_dir=folder,
        account_key=KEY,
        account_id=account.account_id,
        started_at=values["started_at"],
        owner=KEY,
        previous=None,
        is_beginning=False,
        earliest=values["at"],
    )


def load_one(engine: Engine, folder: Path, customers: int, days: int) -> Year:
    """Load the stages and segments of an account."""
    with Emulator() as emulator:
        account_id = emulator.world.add_account("Big Coffee", timezone="UTC")
        segments = [emulator.world.add_segment(account_id, f"Segment {number}") for number in range(SEGMENTS)]
        stages = [stage.id for stage in emulator.world.account(account_id).live_stages()]
        token = Secret(emulator.long_lived_token(account_id))
        settings = Settings(data_dir=folder / "data")
        load_account(LoadContext(engine, AccountSettings(key=KEY, base_url=emulator.url, token=token), settings))
    return Year(account_id=account_id, stages=stages, segments=segments, customers=customers, days=days)


def write(connection: Connection, account: Year) -> None:
    """Publish the changes of all days but the last, and store the pages of the last two."""
    steps = dict(QUESTION.findall((HERE / "year.sql").read_text(encoding="utf-8")))
    steps = {name.partition(":")[0]: text(sql) for name, sql in steps.items()}
    for name in ("create_readings", "create_changes"):
        execute_as_is(connection, statement_text(name).replace(" on commit drop", ""))
    for day in range(account.days):
        values = account.values(day)
        execute_as_is(connection, "truncate pg_temp.change")
        names = ["first day", "first change"] if day == 0 else ["changes of a day", "state after the day"]
        names += ["events of the day, nine of ten"]
        names += ["pages of the state", "sizes before and after the list"] if day >= account.days - 2 else []
        names += ["differences of the day"] if day < account.days - 1 else []
        for name in names:
            connection.execute(steps[name], values)
        for name in DAILY if day < account.days - 1 else ():
            connection.execute(statement(name), values)
        connection.commit()
        if day % VACUUM_DAYS == VACUUM_DAYS - 1:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            execute_as_is(connection, "vacuum (analyze) members.stay, amocrm.place_day, pg_temp.reading")
            connection.commit()
            connection.execution_options(isolation_level="READ COMMITTED")
    execute_as_is(connection, "discard temp")
    connection.commit()


def sizes(connection: psycopg.Connection) -> Iterator[str]:
    """Yield the size of each table with its indexes, and their sum."""
    yield "| table | rows | MB |\n|---|---:|---:|"
    rows = connection.execute(SIZES).fetchall()
    for name, count, megabytes in rows:
        yield f"| `{name}` | {count:,} | {megabytes:.1f} |"
    yield f"| all | | {sum(megabytes for _, _, megabytes in rows):.1f} |"


def questions(connection: psycopg.Connection, account: Year, reader: str) -> Iterator[str]:
    """Yield processor milliseconds of each question, as owner and as a reader; bold above the target."""
    ids = {":account": account.account_id, ":stage": account.stages[0], ":segment": account.segments[0]}
    ids[":customer"] = 10_000_000 + account.customers // 2
    connection.execute("set max_parallel_workers_per_gather = 0")  # so that one process does all
    yield "| question | owner, ms | reader, ms |\n|---|---:|---:|"
    for name, question in QUESTION.findall((HERE / "questions.sql").read_text(encoding="utf-8")):
        sql = question
        for key, number in ids.items():
            sql = sql.replace(key, str(number))
        cells = [name, formatted(processor_milliseconds(connection, sql))]
        role = "amocrm_members" if name.startswith("members.") else reader
        connection.execute(SQL("set session authorization {}").format(Identifier(role)))
        cells.append(formatted(processor_milliseconds(connection, sql)))
        yield f"| {' | '.join(cells)} |"
        connection.execute("reset session authorization")


def formatted(milliseconds: float) -> str:
    """Format a time; bold if it is above the target."""
    return f"**{milliseconds:.1f}**" if milliseconds > TARGET_MILLISECONDS else f"{milliseconds:.1f}"


def processor_milliseconds(connection: psycopg.Connection, sql: str) -> float:
    """Least processor time of the server's process for planning and running, of some runs. Linux only."""
    measured = [
        spent(connection, lambda: connection.execute(f"explain (analyze, timing off) {sql}")) for _ in range(RUNS)
    ]
    return min(measured)


def spent(connection: psycopg.Connection, run: Callable[[], object]) -> float:
    """Processor milliseconds of the server's process while something runs."""
    file = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(file.read_text(encoding="ascii").split()[0])
    run()
    return (int(file.read_text(encoding="ascii").split()[0]) - before) / 1e6
