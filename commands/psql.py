"""``psql``: open psql on the warehouse."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from commands.current_settings import load_current_settings
from commands.demo.options import demo_option, print_simulated_notice, select_demo
from commands.paths import caller_folder
from pipelines.base.errors import DatabaseUnavailable, SettingsError
from pipelines.config.database_url import parse_database_url
from pipelines.config.settings import Settings
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.system_user import server_user
from pipelines.warehouse.client_environment import client_environment
from pipelines.warehouse.engine import database_url


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@demo_option
@click.argument("arguments", metavar="[PSQL ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def command(demo: str | None, arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse. The embedded Postgres, if used, runs until psql ends.

    Further arguments are passed to psql: -c "select * from analytics.segments", --csv, -f report.sql, …
    """
    with settings_for(demo) as settings, database_url(settings) as url:
        sys.exit(run_psql(find_psql(settings), url, arguments))


@contextmanager
def settings_for(demo: str | None) -> Iterator[Settings]:
    """Yield the user's settings, or the demo's, whose data are locked until the context ends."""
    home = select_demo(demo)
    if home is None:
        yield load_current_settings()
        return
    print_simulated_notice(home)
    with ExitStack() as stack:
        with suppress(DatabaseUnavailable):  # another program holds the lock; join the server that it started
            stack.enter_context(home.exclusive_lock())
        yield home.settings


def find_psql(settings: Settings) -> Path:
    """Return the psql of the embedded server, or an installed one. Raises ``SettingsError`` if there is none."""
    with suppress(DatabaseUnavailable):
        program = find_binaries(settings.pg_bin, server_user()).psql
        if program.exists():
            return program
    found = shutil.which("psql")
    if found is None:
        raise SettingsError(
            "psql is not installed.",
            advice="Install PostgreSQL's client, or set AMOCRM_PG_BIN to a folder that contains psql.",
        )
    return Path(found)


def run_psql(program: Path, url: str, arguments: tuple[str, ...]) -> int:
    """Run psql and return its exit code. The address is passed in the environment, hidden from other users."""
    # psql handles Ctrl-C itself: it cancels a query and must not end this process or the server.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with client_environment(parse_database_url(url), os.environ) as environment:
            return subprocess.run([program, *arguments], env=environment, cwd=caller_folder(), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
