"""``dev``: Dagster's UI and daemon for as long as it runs, on the warehouse of the settings or of the demo."""

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
import dagster as dg

from assets.dagster_home import prepare_home
from assets.partitions import register_accounts
from assets.web.session import LOGIN_KEY, LOGIN_PATH
from commands.current_settings import current_settings_folder, dagster_home, load_current_settings
from commands.demo.home import ACCOUNT_KEY, DemoHome
from commands.demo.options import demo_option, select_demo
from commands.demo.scheduled_load import cancel_abandoned_runs
from commands.demo.simulated_account import simulated_account
from commands.supervised_process import HOST, POLL_INTERVAL_SECONDS, raise_if_port_taken, supervised, wait_until_ready
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.private_path import make_private
from pipelines.base.settings_folder import SETTINGS_DIR
from pipelines.config.settings import VARIABLES, Settings
from pipelines.load.connection import endpoint_for
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import check_schema, migrate

UI_URL_VARIABLE: Final = "AMOCRM_DAGSTER_URL"
TOKEN_VARIABLE: Final = "DEMO_TOKEN"  # noqa: S105 - its name

WORKING_FOLDER: Final = "workplace"
"""Folder in Dagster's home."""

WORKSPACE: Final = "workspace.yaml"
WORKSPACE_TEXT: Final = """\
load_from:
  - python_module:
      module_name: assets.definitions
      location_name: amocrm
"""
"""For an installed package, which has no workspace.yaml of its own. A clone's says the same; a test compares them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterEnvironment:
    """Where Dagster is to run, and what it is to know."""

    settings: Settings
    dagster_home: Path
    settings_folder: Path  # of .env and accounts.toml
    environment: Mapping[str, str]
    is_demo: bool = False


@click.command()
@demo_option
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of Dagster's pages.")
def command(demo: str | None, port: int) -> None:
    """Run Dagster: its pages, its daemon, the schedule. Ctrl-C ends all of it.

    Without DATABASE_URL the embedded Postgres runs along. Where neither an account nor a database is set and the demo
    was run, this goes on with the demo's simulated account, which then lives in real time.
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
        click.echo(f"Dagster's UI is at http://{HOST}:{port} and its logs are in {folder}. Ctrl-C ends everything.")
        click.echo(
            f"Log in by opening http://{HOST}:{port}{LOGIN_PATH}?key={login_key} in your browser. "
            "The address works once; the browser is then logged in until Dagster ends."
        )
        ended = first_to_end(servers)
    raise WarehouseError(f"Dagster's {ended.name} ended by itself.", advice=f"Its log says why: {ended.log}.")


@contextmanager
def user_environment() -> Iterator[DagsterEnvironment]:
    """The user's warehouse and accounts."""
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
    """The demo's warehouse, and its account in real time. Dagster sees no settings but these."""
    config = home.config()
    if config is None:
        raise SettingsError("The demo's data are gone.", advice="Run the demo again.")
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
    """A process of Dagster's."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_dagster(target: DagsterEnvironment, folder: Path, port: int, login_key: str) -> Iterator[Sequence[Server]]:
    """Dagster's web server and daemon, both gone when the context ends, or this process does.

    ``dagster dev`` starts a web server that accepts requests from any website, so they are started one by one. They
    work in an empty folder: Dagster puts a ``.env`` that it finds where it works over the environment, which is to win.
    Our own code reads the settings from their folder.
    """
    working_folder = folder / WORKING_FOLDER
    make_private(working_folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        if target.is_demo:  # nobody else is at work on its data, so nobody executes a run there
            cancel_abandoned_runs(instance)
        register_accounts(instance, target.settings)
    environment = dict(target.environment) | {
        "DAGSTER_HOME": str(folder),
        SETTINGS_DIR: str(target.settings_folder),
        UI_URL_VARIABLE: target.settings.dagster_url or f"http://{HOST}:{port}",
    }
    of_web = environment | {LOGIN_KEY: login_key}
    workspace = ["--workspace", str(find_workspace_file(folder)), "--log-level", "warning"]
    web = [sys.executable, "-m", "assets.web.server", "--host", HOST, "--port", str(port), *workspace]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *workspace]
    with ExitStack() as stack:
        yield [
            Server(
                name=name,
                log=(log := folder / f"{name.replace(' ', '-')}.log"),
                process=stack.enter_context(supervised(program, log=log, folder=working_folder, environment=variables)),
            )
            for name, program, variables in (("web server", web, of_web), ("daemon", daemon, environment))
        ]


def first_to_end(servers: Sequence[Server]) -> Server:
    """Wait until one of them ends; none is of use without the others."""
    while True:
        for server in servers:
            if server.process.poll() is not None:
                return server
        time.sleep(POLL_INTERVAL_SECONDS)


def find_workspace_file(dagster_folder: Path) -> Path:
    """The clone's workspace.yaml where we are in one, else one of our own."""
    if Path(WORKSPACE).exists():
        return Path(WORKSPACE).absolute()
    file = dagster_folder / WORKSPACE
    write_file(file, WORKSPACE_TEXT.encode())
    return file
