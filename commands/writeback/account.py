"""The account that a command works on, the user's own or the demo's, and the warehouse with its history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import click
from sqlalchemy import Engine

from commands.current_settings import load_current_settings
from commands.demo.home import DemoHome
from commands.demo.options import select_demo
from pipelines.base.clock import Clock
from pipelines.base.errors import DatabaseUnavailable, MigrationError, SettingsError
from pipelines.base.text import join_names
from pipelines.config.settings import Settings
from pipelines.load.context import LoadContext
from pipelines.warehouse.engine import open_warehouse, transaction
from pipelines.warehouse.migrate import check_schema, migrate
from pipelines.warehouse.past import StoredAccount, read_stored_accounts


@contextmanager
def open_account(demo: str | None, account_key: str | None) -> Iterator[LoadContext]:
    """The account, to be read and changed, for as long as the context lasts."""
    home = select_demo(demo)
    if home is not None:
        with open_demo_account(home, account_key) as access:
            yield access
        return
    settings = load_current_settings()
    account = settings.account(account_key)
    with open_warehouse(settings) as engine:
        check_schema(engine)
        yield LoadContext(engine, account, settings)


@contextmanager
def open_demo_account(home: DemoHome, account_key: str | None) -> Iterator[LoadContext]:
    """The demo's account as it is now. It runs meanwhile, and keeps what is changed."""
    from commands.demo.simulated_account import simulated_account  # noqa: PLC0415 - nobody else needs the emulator

    config = home.config()
    if config is None:
        raise SettingsError("The demo's data are gone.", advice="Run the demo again.")
    print_simulated_notice(home)
    with (
        home.exclusive_lock(),
        open_warehouse(home.settings) as engine,
        simulated_account(home, config, datetime.now(UTC)) as simulated,
    ):
        migrate(engine)
        simulated.set_time_to_present()
        yield LoadContext(
            engine,
            simulated.settings.account(account_key),
            simulated.settings,
            clock=Clock(now=simulated.emulator.clock.now, sleep=time.sleep),
        )


@contextmanager
def open_history(demo: str | None, account_key: str | None) -> Iterator[tuple[Engine, StoredAccount]]:
    """The history of an account, which need not answer any more, nor be in the settings."""
    with open_histories(demo) as (engine, known, settings):
        yield engine, select_account(known, account_key, settings)


@contextmanager
def open_histories(demo: str | None) -> Iterator[tuple[Engine, list[StoredAccount], Settings]]:
    """All accounts that have a history, and where it is."""
    home = select_demo(demo)
    settings = home.settings if home else load_current_settings()
    with ExitStack() as stack:
        has_lock = False
        if home is not None:
            print_simulated_notice(home)
            with suppress(DatabaseUnavailable):  # otherwise whoever uses the data has started the server
                stack.enter_context(home.exclusive_lock())
                has_lock = True
        engine = stack.enter_context(open_warehouse(settings))
        if has_lock:
            migrate(engine)
        elif home is None:
            check_schema(engine)
        else:
            check_demo_schema(engine)
        with transaction(engine) as connection:
            known = read_stored_accounts(connection)
        yield engine, known, settings


def check_demo_schema(engine: Engine) -> None:
    """Raise ``MigrationError`` unless the demo's database, which another program uses, is of this version."""
    try:
        check_schema(engine)
    except MigrationError as error:
        raise MigrationError(
            error.message, advice="End the program that uses the demo's data, such as 'dev', then run this again."
        ) from None


def select_account(known: list[StoredAccount], key: str | None, settings: Settings) -> StoredAccount:
    """The account of that key, or the only one there is. Raises ``SettingsError`` where the choice is not clear."""
    if key is None and len(settings.all_accounts) == 1:
        key = settings.all_accounts[0].key
    found = [account for account in known if key in (None, account.key)]
    if len(found) == 1:
        return found[0]
    if not known:
        raise SettingsError("There is no history yet.", advice="Run './run sync' first.")
    keys = join_names([account.key for account in known])
    if key is None:
        raise SettingsError("Several accounts have a history.", advice=f"Say which one with --account: {keys}.")
    raise SettingsError(f"There is no history of an account '{key}'.", advice=f"There is one of {keys}.")


def print_simulated_notice(home: DemoHome) -> None:
    """Say, where it does not disturb what is printed, that nothing here is real."""
    click.echo(f"SIMULATED DATA: the demo's account in {home.folder}", err=True)
