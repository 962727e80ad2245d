"""Measure how cost grows: with years of hourly loads, and with the number of segments and fields.

Run it from the project's folder: ``python -m bench growth``. Commands are whole processes, as users start them.
Postgres is the embedded server; the emulator runs in a process of its own, which is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from bench.growth.page import write_page
from bench.one_account import change_all, emulator_process
from bench.peers.measure import Cost, measure
from bench.views import fill, questions
from faults.superuser import server_with_superuser
from pipelines.embedded_postgres.cluster import read_postmaster
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import create_account_reader

ROOT: Final = Path(__file__).parents[2]
ACCOUNT_ID: Final = 1
ACCOUNTS: Final = 10
"""Accounts of the database: account 1 has all years, the others the latest one."""

SIZES: Final = ("100x30", "1000x30", "2000x100")
"""Segments and fields of the accounts that are loaded."""

COMMANDS: Final = {
    "sync, nothing changed": ["sync"],
    "report": ["report", "--output", "report.html"],
    "export-data": ["export-data", "--output", "export"],
}
LIMIT_SECONDS: Final = 600.0
RUNS: Final = 9
"""Runs of each question in each database; the least time counts."""

WHOLE_HISTORY: Final = ("ever", "all states", "history of", "names that")
"""Words of questions whose result grows with the history."""


def main() -> None:
    """Measure, and write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, nargs="*", default=[1, 10], help="how long the hourly loads go back")
    parser.add_argument("--sizes", nargs="*", default=SIZES, help="segments x fields (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--page", type=Path, help="measure nothing: write docs/scaling.md from such a file")
    arguments = parser.parse_args()
    if arguments.page:
        write_page(json.loads(arguments.page.read_text(encoding="utf-8")))
        return
    figures = {
        "years": measure_years(arguments.years) if arguments.years else {},
        "sizes": {size: measure_size(*map(int, size.split("x"))) for size in arguments.sizes},
    }
    text = json.dumps(figures, indent=1)
    if arguments.json:
        arguments.json.write_text(text, encoding="utf-8")
    print(text)


def measure_years(numbers: Sequence[int]) -> dict[str, Any]:
    """Milliseconds of each question as owner and as reader, and the cost of each command, by years.

    Databases take turns within each question, so that other work on the machine falls on all of them.
    """
    with ExitStack() as stack:
        opened = {years: stack.enter_context(account_and_database(100, 30)) for years in numbers}
        found: dict[str, Any] = {str(years): {} for years in numbers}
        connections = {}
        for years, (_, _, url) in opened.items():
            connection = stack.enter_context(psycopg.connect(url, autocommit=True))
            fill(connection, ACCOUNTS, years)
            connections[str(years)] = connection
            say(f"{years} years: filled")
        ask(connections, found, "owner")
        for years, (_, _, url) in opened.items():
            connection = connections[str(years)]
            engine = open_engine(url)
            reader = create_account_reader(engine, ACCOUNT_ID)
            engine.dispose()
            connection.execute("vacuum (analyze)")
            connection.execute(SQL("set session authorization {}").format(Identifier(reader)))
        ask(connections, found, "reader")
        for years, (environment, _, _) in opened.items():
            connection = connections[str(years)]
            connection.execute("reset session authorization")
            connection.execute(
                "update amocrm.account set account_key = 'main', host = %s where account_id = %s",
                [environment["AMOCRM_HOST"], ACCOUNT_ID],
            )
            run(["sync"], environment)  # the emulator's account is another one: all is new
            connection.execute("vacuum (analyze)")
            found[str(years)]["commands"] = {name: asdict(run(words, environment)) for name, words in COMMANDS.items()}
            say(f"{years} years: {found[str(years)]['commands']}")
    return found


def ask(connections: Mapping[str, psycopg.Connection], found: dict[str, Any], role: str) -> None:
    """Measure each question about a window in each database."""
    for years, connection in connections.items():
        connection.execute("set max_parallel_workers_per_gather = 0")  # all work is the connection's own
        found[years][role] = {}
    for name, sql in questions():
        if not any(words in name for words in WHOLE_HISTORY):
            for years in [*connections] * RUNS:
                milliseconds = cpu_milliseconds(connections[years], sql)
                found[years][role][name] = min(found[years][role].get(name, milliseconds), milliseconds)
    say(f"as {role}: measured")


def cpu_milliseconds(connection: psycopg.Connection, sql: str) -> float:
    """Processor time of a query, which means something on a busy machine, too."""
    schedule = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(schedule.read_text(encoding="ascii").split()[0])
    connection.execute(f"explain (analyze, timing off) {sql}".encode())
    return (int(schedule.read_text(encoding="ascii").split()[0]) - before) / 1e6


def measure_size(segments: int, fields: int) -> dict[str, dict[str, float]]:
    """Cost of three loads of an account of this size."""
    with account_and_database(segments, fields) as (environment, pipe, _):
        costs = {}
        for case in ("first load", "nothing changed", "all changed"):
            if case == "all changed":
                change_all(pipe)
            costs[case] = asdict(run(["sync"], environment))
            say(f"{segments} segments, {fields} fields, {case}: {costs[case]}")
    return costs


@contextmanager
def account_and_database(segments: int, fields: int) -> Iterator[tuple[Mapping[str, str], object, str]]:
    """Yield the variables of a command, the pipe to the emulator, and the address of a migrated database."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        emulator_process(segments, fields, ACCOUNT_ID) as (emulator_url, token, pipe),
        server_with_superuser(Path(temporary) / "postgres", binaries=None) as address,
    ):
        Path(temporary).chmod(0o755)
        url = address.set(drivername="postgresql").render_as_string(hide_password=False)
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        environment = os.environ | {
            "AMOCRM_HOST": emulator_url.removeprefix("http://"),
            "AMOCRM_TOKEN": token,
            "AMOCRM_DATA_DIR": temporary,
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
        }
        yield environment, pipe, url


def run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command of ours in an empty folder. Raises if it fails."""
    server = read_postmaster(Path(environment["AMOCRM_DATA_DIR"]) / "postgres")
    assert server
    with tempfile.TemporaryDirectory() as folder:
        return measure(
            [sys.executable, "-m", "commands", *command],
            folder=Path(folder),
            environment=environment,
            limit=LIMIT_SECONDS,
            server_pid=server.pid,
        )


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
