"""Account and warehouse that a command works on: the user's own or the demo's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

from sqlalchemy import Engine

from commands.current_settings import load_current_settings
from commands.demo.home import DemoHome
from commands.demo.options import print_simulated_notice, select_demo
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
    """Open an account for reading and changing."""
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
    """Run the demo's account at the present time; changes are saved."""
    from commands.demo.simulated_account import simulated_account  # noqa: PLC0415 - imports the emulator

    config = home.require_config()
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
    """Open the history of an account, which may be unreachable or missing in the settings."""
    with open_histories(demo) as (engine, known, settings):
        yield engine, select_account(known, account_key, settings)


@contextmanager
def open_histories(demo: str | None) -> Iterator[tuple[Engine, list[StoredAccount], Settings]]:
    """Open the warehouse; yield it, the accounts with a history, and the settings."""
    home = select_demo(demo)
    settings = home.settings if home else load_current_settings()
    with ExitStack() as stack:
        has_lock = False
        if home is not None:
            print_simulated_notice(home)
            with suppress(DatabaseUnavailable):  # another program holds the lock; join the server that it started
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
    """Raise ``MigrationError`` unless the demo's database, which another program uses, has this version's schema."""
    try:
        check_schema(engine)
    except MigrationError as error:
        raise MigrationError(
            error.message, advice="End the program that uses the demo's data, such as 'dev', then run this again."
        ) from None


def select_all_accounts(known: list[StoredAccount]) -> list[StoredAccount]:
    """Return all accounts. Raises ``SettingsError`` if there are none."""
    if not known:
        raise SettingsError("There is no history yet.", advice="Run './run sync' first.")
    return known


def select_account(known: list[StoredAccount], key: str | None, settings: Settings) -> StoredAccount:
    """Return the account with that key, or the only one. Raises ``SettingsError`` if it is missing or ambiguous."""
    if key is None and len(settings.all_accounts) == 1:
        key = settings.all_accounts[0].key
    found = [account for account in known if key in (None, account.key)]
    if len(found) == 1:
        return found[0]
    keys = join_names([account.key for account in select_all_accounts(known)])
    if key is None:
        raise SettingsError("Several accounts have a history.", advice=f"Choose one with --account: {keys}.")
    raise SettingsError(f"The account '{key}' has no history.", advice=f"Accounts with a history: {keys}.")
