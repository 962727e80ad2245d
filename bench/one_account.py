"""Measure one load of one account as a process: 100 segments with 30 fields, unchanged and changed.

Run it from the project's folder: ``python -m bench.one_account``. The emulator, in a process of its own, answers over
HTTP; Postgres is the embedded server, durable. Seconds are wall time from starting a process to its end; processor
seconds are the process's own; memory is its largest resident set. Each figure is the median of all runs with the
smallest and the largest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg
from dagster import DagsterInstance

from assets.dagster_home import prepare_home
from assets.names import LOAD_ACCOUNT, PARTITION_TAG
from assets.partitions import ACCOUNTS
from bench._process import Run, run
from emulator import Emulator, World
from emulator.entities import Field
from pipelines.config.settings import Settings
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import migrate

SEGMENTS: Final = 100
FIELDS: Final = 30
KINDS: Final = (
    "text",
    "numeric",
    "checkbox",
    "select",
    "multiselect",
    "date",
    "url",
    "textarea",
    "radiobutton",
    "text",
)
OPTIONS: Final = dict.fromkeys(("select", "multiselect", "radiobutton"), ("one", "two", "three"))
SYNC: Final = [sys.executable, "-c", "from commands.cli import main; main()", "sync"]
DAGSTER: Final = [
    *(sys.executable, "-m", "dagster", "job", "execute", "-m", "assets.definitions", "-j", LOAD_ACCOUNT),
    *("--tags", json.dumps({PARTITION_TAG: "main"})),
]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each case")
    arguments = parser.parse_args()
    with emulator_process() as (emulator_url, token, pipe), empty_warehouse() as (folder, url):
        environment = os.environ | {
            "AMOCRM_HOST": emulator_url.removeprefix("http://"),
            "AMOCRM_TOKEN": token,
            "DATABASE_URL": url,
            "DAGSTER_HOME": str(dagster_home(folder)),
        }
        print_table(url, environment, pipe, arguments.runs)


@contextmanager
def empty_warehouse() -> Iterator[tuple[Path, str]]:
    """Yield a temporary data folder and the address of its embedded warehouse, which holds no account."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with database_url(Settings(data_dir=folder)) as url:
            engine = open_engine(url)
            migrate(engine)
            engine.dispose()
            yield folder, url


def print_table(url: str, environment: Mapping[str, str], pipe: Connection, runs: int) -> None:
    """Print a line per command and account state."""
    first = run(SYNC, environment)
    print(f"first load by sync: {first.seconds:.2f} s, {first.megabytes:.0f} MB, {rows_of_newest(url)}")
    imports = [
        run([sys.executable, "-c", "import pipelines.load.load, commands.sync"], environment) for _ in range(runs)
    ]
    print(f"{'importing the loader':34}{spread([one.seconds for one in imports], 's')}")
    for name, command in (("sync", SYNC), ("Dagster's job", DAGSTER)):
        for case, before in (("nothing changed", lambda: None), ("all changed", lambda: change_all(pipe))):
            measured = [measure(command, environment, before) for _ in range(runs)]
            print(
                f"{name + ', ' + case:34}{spread([one.seconds for one in measured], 's')}   "
                f"processor {spread([one.processor_seconds for one in measured], 's')}   "
                f"{spread([one.megabytes for one in measured], 'MB')}   {rows_of_newest(url)}"
            )


def measure(command: Sequence[str], environment: Mapping[str, str], before: Callable[[], object]) -> Run:
    """Bring the account into its state and run the command."""
    before()
    return run(command, environment)


def spread(figures: Sequence[float], unit: str) -> str:
    """Median, smallest and largest."""
    digits = 2 if unit == "s" else 0
    return f"{median(figures):.{digits}f} {unit} ({min(figures):.{digits}f}-{max(figures):.{digits}f})"


def rows_of_newest(url: str) -> str:
    """Rows that the latest snapshot wrote."""
    with psycopg.connect(url) as connection:
        row = connection.execute("""
            select opened_count, closed_count, size_change_count,
                (
                    select count(*) from amocrm.segment_field_value as value
                    where value.account_id = snapshot.account_id and value.valid_from = snapshot.observed_at
                )
            from amocrm.snapshot order by observed_at desc limit 1
        """).fetchone()
    assert row
    return "{} versions opened, {} closed, {} sizes, {} field values".format(*row)


def dagster_home(folder: Path) -> Path:
    """Make a Dagster home, as ``dev`` does, with the account registered."""
    home = prepare_home(folder / "dagster")
    with DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions(ACCOUNTS.name or "", ["main"])
    return home


# --- The emulator, in a process of its own ---------------------------------------------------------------------------


@contextmanager
def emulator_process(
    segments: int = SEGMENTS, fields: int = FIELDS, account_id: int | None = None
) -> Iterator[tuple[str, str, Connection]]:
    """Yield URL and token of a full emulated account, and a pipe: a message changes the whole account."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, segments, fields, account_id), daemon=True
    )
    process.start()
    url, token = ours.recv()
    try:
        yield url, token, ours
    finally:
        process.terminate()
        process.join()


def serve(pipe: Connection, segments: int, fields: int, known_id: int | None) -> None:
    """Serve an emulated amoCRM until the process ends."""
    world = World()
    account_id = world.add_account("Big Coffee", account_id=known_id)
    field_ids = [
        world.add_field(account_id, f"Field {n}", KINDS[n % len(KINDS)], options=OPTIONS.get(KINDS[n % len(KINDS)], ()))
        for n in range(fields)
    ]
    segment_ids = [world.add_segment(account_id, f"Segment {n}") for n in range(segments)]
    with Emulator(world=world) as emulator:
        for version in itertools.count():
            for n, segment_id in enumerate(segment_ids):
                world.rename_segment(account_id, segment_id, f"Segment {n}, version {version}")
                world.set_size(account_id, segment_id, 1000 + 10 * n + version)
                for field_id in field_ids:
                    field = world.account(account_id).fields[field_id]
                    world.set_field_value(account_id, segment_id, field_id, value_of(field, n + version))
            pipe.send((emulator.url, emulator.long_lived_token(account_id)) if version == 0 else None)
            pipe.recv()


def value_of(field: Field, number: int) -> Any:
    """Make a field value that depends on the number."""
    option_ids = sorted(field.options)
    match field.type:
        case "numeric":
            return number
        case "checkbox":
            return number % 2 == 0
        case "date":
            return date(2026, 1, 1) + timedelta(days=number)
        case "select" | "radiobutton":
            return option_ids[number % len(option_ids)]
        case "multiselect":
            return [option_ids[number % len(option_ids)], option_ids[(number + 1) % len(option_ids)]]
        case _:
            return f"Some text as people write it, number {number}"


def change_all(pipe: Connection) -> None:
    """Change every segment's name, size and values."""
    pipe.send("change")
    pipe.recv()


if __name__ == "__main__":
    main()
