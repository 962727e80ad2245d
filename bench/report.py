"""Measure the report, the exports and ``show`` as processes: an account with years of hourly loads, and a fleet.

Run it from the project's folder: ``python -m bench.report``. The accounts are those of ``bench.views``: 100 segments
each, account 1 with all the years, the others with one. Memory is the largest resident set of the process, without
Postgres.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import psycopg

from bench._process import run
from bench.views import fill
from faults.superuser import server_with_superuser
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

COMMANDS: Final[dict[str, list[str]]] = {
    "show": ["show", "account-1"],
    "report": ["report", "--account", "account-1"],
    "export-data --format csv": ["export-data", "--account", "account-1"],
    "export-data --format xlsx": ["export-data", "--account", "account-1", "--format", "xlsx"],
    "export-data --format parquet": ["export-data", "--account", "account-1", "--format", "parquet"],
    "show, all accounts": ["show"],
    "report --all": ["report", "--all"],
}


def main() -> None:
    """Fill a database, run the commands and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10, help="how long the hourly loads of account 1 go back")
    parser.add_argument("--accounts", type=int, default=20, help="how many accounts there are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with server_with_superuser(folder / "postgres", binaries=None) as address:
            url = address.set(drivername="postgresql").render_as_string(hide_password=False)
            engine = open_engine(url)
            migrate(engine)
            engine.dispose()
            with psycopg.connect(url, autocommit=True) as connection:
                fill(connection, arguments.accounts, arguments.years)
            environment = os.environ | {"DATABASE_URL": url, "AMOCRM_REPORT_DIR": str(folder / "reports")}
            print(
                f"| {arguments.years} years of account 1, {arguments.accounts} accounts | seconds | peak memory, MB |"
            )
            print("|---|---:|---:|")
            for name, words in COMMANDS.items():
                measured = run([sys.executable, "-c", "from commands.cli import main; main()", *words], environment)
                print(f"| `{name}` | {measured.seconds:.1f} | {measured.megabytes:.0f} |")


if __name__ == "__main__":
    main()
