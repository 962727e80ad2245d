"""The account that a command works on, the user's own or the demo's, and the warehouse with its history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import click
from sqlalchemy import Engine

from commands.demo.choice import chosen_demo
from commands.demo.home import DemoHome
from commands.place import settings_here
from pipelines.clock import Clock
from pipelines.errors import DatabaseUnavailable, MigrationError, SettingsError
from pipelines.manage.live import Access
from pipelines.settings import Settings
from pipelines.warehouse.engine import transaction, warehouse
from pipelines.warehouse.history import KnownAccount, known_accounts
from pipelines.warehouse.migrate import check, migrate
from pipelines.wording import listed


@contextmanager
def access_to(demo: str | None, account_key: str | None) -> Iterator[Access]:
    """The account, to be read and changed, for as long as the context lasts."""
    home = chosen_demo(demo)
    if home is not None:
        with access_to_demo(home, account_key) as access:
            yield access
        return
    settings = settings_here()
    account = settings.account(account_key)
    with warehouse(settings) as engine:
        check(engine)
        yield Access(engine=engine, account=account, settings=settings)


@contextmanager
def access_to_demo(home: DemoHome, account_key: str | None) -> Iterator[Access]:
    """The demo's account as it is now. It runs meanwhile, and keeps what is changed."""
    from commands.demo.simulated import simulated_account  # noqa: PLC0415 - nobody else needs the emulator

    simulation = home.simulation()
    if simulation is None:
        raise SettingsError("The demo's data are gone.", advice="Run the demo again.")
    say_simulated(home)
    with (
        home.alone(),
        warehouse(home.settings) as engine,
        simulated_account(home, simulation, datetime.now(UTC)) as simulated,
    ):
        migrate(engine)
        simulated.go_to_present()
        yield Access(
            engine=engine,
            account=simulated.settings.account(account_key),
            settings=simulated.settings,
            clock=Clock(now=simulated.emulator.clock.now, sleep=time.sleep),
        )


@contextmanager
def history_of(demo: str | None, account_key: str | None) -> Iterator[tuple[Engine, KnownAccount]]:
    """The history of an account, which need not answer any more, nor be in the settings."""
    with histories_of(demo) as (engine, known, settings):
        yield engine, chosen(known, account_key, settings)


@contextmanager
def histories_of(demo: str | None) -> Iterator[tuple[Engine, list[KnownAccount], Settings]]:
    """All accounts that have a history, and where it is."""
    home = chosen_demo(demo)
    settings = home.settings if home else settings_here()
    with ExitStack() as stack:
        is_alone = False
        if home is not None:
            say_simulated(home)
            with suppress(DatabaseUnavailable):  # otherwise whoever uses the data has started the server
                stack.enter_context(home.alone())
                is_alone = True
        engine = stack.enter_context(warehouse(settings))
        if is_alone:
            migrate(engine)
        elif home is None:
            check(engine)
        else:
            check_of_demo(engine)
        with transaction(engine) as connection:
            known = known_accounts(connection)
        yield engine, known, settings


def check_of_demo(engine: Engine) -> None:
    """Raise ``MigrationError`` unless the demo's database, which another program uses, is of this version."""
    try:
        check(engine)
    except MigrationError as error:
        raise MigrationError(
            error.message, advice="End the program that uses the demo's data, such as 'dev', then run this again."
        ) from None


def chosen(known: list[KnownAccount], key: str | None, settings: Settings) -> KnownAccount:
    """The account of that key, or the only one there is. Raises ``SettingsError`` where the choice is not clear."""
    if key is None and len(settings.all_accounts) == 1:
        key = settings.all_accounts[0].key
    found = [account for account in known if key in (None, account.key)]
    if len(found) == 1:
        return found[0]
    if not known:
        raise SettingsError("There is no history yet.", advice="Run './run sync' first.")
    keys = listed([account.key for account in known])
    if key is None:
        raise SettingsError("Several accounts have a history.", advice=f"Say which one with --account: {keys}.")
    raise SettingsError(f"There is no history of an account '{key}'.", advice=f"There is one of {keys}.")


def say_simulated(home: DemoHome) -> None:
    """Say, where it does not disturb what is printed, that nothing here is real."""
    click.echo(f"SIMULATED DATA: the demo's account in {home.folder}", err=True)
