"""Time each view's usual query for one of up to 1,000 accounts after a year of hourly loads.

Run it from the project's folder: ``python -m bench.views``. A figure is planning and running in the server, the fastest
of some runs: what it takes when nothing else is going on. The first 100 accounts have the whole year; those beyond have
as many segments, fields and edits, and of loads and sizes the last tenth of the year, which a disk of 20 GB can hold.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from faults.superuser import server_with_superuser
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import create_account_reader

HERE: Final = Path(__file__).parent
QUESTION: Final = re.compile(r"^-- (.+)\n([^;]+);", re.MULTILINE)
RUNS: Final = 9
WHOLE_ACCOUNTS: Final = 100
WHOLE_DAYS: Final = 366
FEW_DAYS: Final = 36


def main() -> None:
    """Fill a database step by step and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--accounts", type=int, nargs="+", default=[1, 10, 100], help="how many accounts to measure with"
    )
    parser.add_argument("--years", type=int, default=1, help="how long the hourly loads of account 1 go back")
    parser.add_argument("--folder", type=Path, help="keep the database here, and use what it holds already")
    parser.add_argument("--reader", action="store_true", help="measure as a reader of account 1 and of no other")
    parser.add_argument("--explain", help="print the plans of the questions that contain this, instead of the table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "postgres"
        with server_with_superuser(folder, binaries=None) as address:
            url = address.set(drivername="postgresql").render_as_string(hide_password=False)
            engine = open_engine(url)
            migrate(engine)
            reader = create_account_reader(engine, 1) if arguments.reader else None
            engine.dispose()
            with psycopg.connect(url, autocommit=True) as connection:
                measured = {}
                for count in sorted(arguments.accounts):
                    connection.execute("reset session authorization")
                    fill(connection, count, arguments.years)
                    if reader:
                        connection.execute(SQL("set session authorization {}").format(Identifier(reader)))
                    if not arguments.explain:
                        measured[count] = {name: milliseconds(connection, sql) for name, sql in questions()}
                for name, sql in questions():
                    if arguments.explain and arguments.explain in name:
                        print(f"-- {name}\n{plan(connection, sql)}\n")
                if measured:
                    print(table(measured))


def questions() -> list[tuple[str, str]]:
    """Queries with their descriptions."""
    return QUESTION.findall((HERE / "views_questions.sql").read_text(encoding="utf-8"))


def fill(connection: psycopg.Connection, count: int, years: int) -> None:
    """Grow the database to this many accounts."""
    [(there,)] = connection.execute("select count(*) from amocrm.account").fetchall()
    if there >= count:
        return
    if there == 0:
        connection.execute("select set_config('bench.years', %s, false)", [str(years)])
        connection.execute((HERE / "views_world.sql").read_text(encoding="utf-8"))
    copy(connection, range(max(there, 1) + 1, min(count, WHOLE_ACCOUNTS) + 1), WHOLE_DAYS)
    copy(connection, range(max(there, WHOLE_ACCOUNTS) + 1, count + 1), FEW_DAYS)
    connection.execute("vacuum (analyze)")


def copy(connection: psycopg.Connection, ids: range, days: int) -> None:
    """Copy account 1 under each id, with the loads of some days."""
    if not ids:
        return
    for name, value in (("first_copy", ids[0]), ("last_copy", ids[-1]), ("days", days)):
        connection.execute("select set_config(%s, %s, false)", [f"bench.{name}", str(value)])
    connection.execute((HERE / "views_copies.sql").read_text(encoding="utf-8"))


def milliseconds(connection: psycopg.Connection, sql: str) -> float:
    """Fastest planning and execution of some runs."""
    measured = []
    for _ in range(RUNS):
        [([plan],)] = connection.execute(f"explain (analyze, timing off, format json) {sql}").fetchall()
        measured.append(float(plan["Planning Time"] + plan["Execution Time"]))
    return min(measured)


def plan(connection: psycopg.Connection, sql: str) -> str:
    """The plan as text."""
    connection.execute(sql)
    return "\n".join(row[0] for row in connection.execute(f"explain (analyze, buffers) {sql}"))


def table(measured: dict[int, dict[str, float]]) -> str:
    """Format the figures as a Markdown table."""
    lines = [
        "| query, for one account | " + " | ".join(f"{count} accounts, ms" for count in measured) + " |",
        "|---|" + "---:|" * len(measured),
    ]
    lines += [
        f"| {name} | " + " | ".join(f"{figures[name]:.1f}" for figures in measured.values()) + " |"
        for name, _ in questions()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
