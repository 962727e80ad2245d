"""Nights of scans: which accounts are due, in which order, and what the end of their hours does."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

from sqlalchemy import Engine

from emulator import Emulator, effects
from pipelines.config.scan_window import ScanWindow
from pipelines.customers.due import due_accounts, is_open
from pipelines.customers.fleet import scan_accounts
from pipelines.customers.publish_scan import PublishedScan
from tests.accounts import EmulatedAccount, emulator_clock

NIGHT = ScanWindow(start=time(9), end=time(12))


def test_a_scan_is_finished_and_the_next_night_begins_with_the_others(
    emulator: Emulator, engine: Engine, tmp_path: Path
) -> None:
    """The scan of the first account takes until after the end of its hours."""
    accounts = [EmulatedAccount(emulator, engine, tmp_path, key=key) for key in ("first", "second")]
    settings = [replace(one.account, customers=NIGHT) for one in accounts]
    for account in accounts:
        account.load(0)
        account.world.add_customer(account.id)
    slow = effects.before_response(lambda world: world.clock.advance(timedelta(hours=4)))
    emulator.faults.add(slow, resource="customers", account_id=accounts[0].id, times=1)

    def scan_night() -> list[str]:
        clock = emulator_clock(emulator)
        due = due_accounts(engine, settings, clock.now(), "UTC")
        scanned = scan_accounts(
            engine, due, accounts[0].settings, clock=clock, may_start=lambda one: is_open(one, clock.now(), "UTC")
        )
        return [key for key, result in scanned if isinstance(result, PublishedScan)]

    assert scan_night() == ["first"]
    assert scan_night() == []
    emulator.clock.advance(timedelta(hours=20))
    assert scan_night() == ["second", "first"]
