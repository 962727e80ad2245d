"""``dev``: run Dagster's UI and daemon on the user's warehouse or the demo's."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

import assets
from assets.dagster_home import open_instance, prepare_home
from assets.partitions import register_accounts
from assets.web.session import LOGIN_KEY, LOGIN_PATH
from commands.current_settings import current_settings_folder, dagster_home, load_current_settings
from commands.demo.home import ACCOUNT_KEY, DemoHome
from commands.demo.options import demo_option, select_demo
from commands.demo.scheduled_load import cancel_abandoned_runs
from commands.demo.simulated_account import simulated_account
from commands.supervised_process import HOST, POLL_INTERVAL_SECONDS, raise_if_port_taken, supervised, wait_until_ready
from commands.workspace import find_workspace_file
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import WarehouseError
from pipelines.base.private_path import make_private
from pipelines.base.settings_folder import SETTINGS_DIR
from pipelines.config.settings import VARIABLES, Settings
from pipelines.load.access import endpoint_for
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import check_schema, migrate

UI_URL_VARIABLE: Final = "AMOCRM_DAGSTER_URL"
TOKEN_VARIABLE: Final = "DEMO_TOKEN"  # noqa: S105 - its name

WORKING_FOLDER: Final = "workplace"
"""Empty folder in Dagster's home in which its processes run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterEnvironment:
    """Folders, settings and environment variables for Dagster's processes."""

    settings: Settings
    dagster_home: Path
    settings_folder: Path  # of .env and accounts.toml
    environment: Mapping[str, str]
    is_demo: bool = False


@click.command()
@demo_option
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of Dagster's UI.")
def command(demo: str | None, port: int) -> None:
    """Run Dagster: UI, daemon and schedules. Ctrl-C stops all of them.

    Without DATABASE_URL this also runs the embedded Postgres. If neither an account nor a database is configured and
    the demo was run, Dagster uses the demo's simulated account, which then runs in real time.
    """
    raise_if_port_taken(port)
    click.echo("Starting Dagster …")
    with ExitStack() as stack:
        home = select_demo(demo)
        target = stack.enter_context(demo_environment(home) if home else user_environment())
        folder = prepare_home(target.dagster_home)
        login_key = secrets.token_urlsafe(32)
        servers = stack.enter_context(running_dagster(target, folder, port, login_key))
        wait_until_ready(servers[0].process, port, name="Dagster", log=servers[0].log)
        click.echo(f"Dagster's UI is at http://{HOST}:{port} and its logs are in {folder}. Ctrl-C stops everything.")
        click.echo(
            f"Log in by opening http://{HOST}:{port}{LOGIN_PATH}?key={login_key} in your browser. "
            "The address works once; the browser is then logged in until Dagster stops."
        )
        ended = first_to_end(servers)
    raise WarehouseError(f"Dagster's {ended.name} stopped unexpectedly.", advice=f"See its log: {ended.log}.")


@contextmanager
def user_environment() -> Iterator[DagsterEnvironment]:
    """Yield the environment for the user's warehouse and accounts."""
    settings = load_current_settings()
    with database_url(settings) as url:
        engine = open_engine(url)
        check_schema(engine)
        engine.dispose()
        yield DagsterEnvironment(
            settings=settings,
            dagster_home=dagster_home(settings),
            settings_folder=current_settings_folder(),
            environment=os.environ | {"DATABASE_URL": url},
        )


@contextmanager
def demo_environment(home: DemoHome) -> Iterator[DagsterEnvironment]:
    """Yield the environment for the demo's warehouse and account, without any of the user's settings."""
    config = home.require_config()
    with (
        home.exclusive_lock(),
        database_url(home.settings) as url,
        simulated_account(home, config, datetime.now(UTC)) as simulated,
    ):
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        table = f'[accounts.{ACCOUNT_KEY}]\nhost = "{simulated.emulator.host}"\ntoken_env = "{TOKEN_VARIABLE}"\n'
        write_file(home.folder / "accounts.toml", table.encode())
        other_variables = {name: text for name, text in os.environ.items() if name not in VARIABLES}
        click.echo(
            f"SIMULATED DATA: the demo's account in {home.folder}, an emulated amoCRM at {simulated.emulator.url}"
        )
        yield DagsterEnvironment(
            settings=simulated.settings,
            dagster_home=home.dagster_folder,
            settings_folder=home.folder,
            is_demo=True,
            environment=other_variables
            | {
                "DATABASE_URL": url,
                "AMOCRM_DATA_DIR": str(home.folder),
                TOKEN_VARIABLE: endpoint_for(simulated.account, simulated.settings).token(),
            },
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One of Dagster's processes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_dagster(target: DagsterEnvironment, folder: Path, port: int, login_key: str) -> Iterator[Sequence[Server]]:
    """Run Dagster's web server and daemon until the context or this process ends.

    ``dagster dev`` would start a web server that accepts requests from any website. The processes run in an empty
    folder, because Dagster lets a ``.env`` in its working directory override the environment. Our code reads the
    settings from their own folder.
    """
    working_folder = folder / WORKING_FOLDER
    make_private(working_folder)
    with open_instance(folder) as instance:
        if target.is_demo:  # this process holds the demo's lock, so no other process executes a run
            cancel_abandoned_runs(instance)
        register_accounts(instance, target.settings)
    environment = dict(target.environment) | {
        "DAGSTER_HOME": str(folder),
        SETTINGS_DIR: str(target.settings_folder),
        UI_URL_VARIABLE: target.settings.dagster_url or f"http://{HOST}:{port}",
    }
    web_environment = environment | {LOGIN_KEY: login_key}
    workspace = ["--workspace", str(find_workspace_file(folder)), "--log-level", "warning"]
    web = [sys.executable, "-m", f"{assets.__name__}.web.server", "--host", HOST, "--port", str(port), *workspace]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *workspace]
    with ExitStack() as stack:
        yield [
            Server(
                name=name,
                log=(log := folder / f"{name.replace(' ', '-')}.log"),
                process=stack.enter_context(supervised(program, log=log, folder=working_folder, environment=variables)),
            )
            for name, program, variables in (("web server", web, web_environment), ("daemon", daemon, environment))
        ]


def first_to_end(servers: Sequence[Server]) -> Server:
    """Wait until one of the processes ends, and return it."""
    while True:
        for server in servers:
            if server.process.poll() is not None:
                return server
        time.sleep(POLL_INTERVAL_SECONDS)
