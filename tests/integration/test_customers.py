"""Scans of customers, from the emulator into a real Postgres."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator
from pipelines.customers.publish_scan import PublishedScan
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from tests.accounts import EmulatedAccount, emulator_clock


class ScannedAccount(EmulatedAccount):
    """An account with customers, scanned with the emulator's time."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, mode: str = "segments") -> None:
        super().__init__(emulator, engine, root, mode=mode)
        self.first, self.second = (self.world.add_segment(self.id, name) for name in ("First", "Second"))
        self.load(0)

    def scan(self) -> PublishedScan:
        """Scan the customers, after a minute."""
        self.emulator.clock.advance(timedelta(minutes=1))
        context = LoadContext(self.engine, self.account, self.settings, clock=emulator_clock(self.emulator))
        return scan_customers(context)


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> ScannedAccount:
    return ScannedAccount(emulator, engine, tmp_path)


def test_a_scan_finds_who_joined_left_and_is_gone(account: ScannedAccount) -> None:
    one, two, three = (account.world.add_customer(account.id, segments=[account.first]) for _ in range(3))
    assert account.scan().customers_count == 3
    account.world.join_segment(account.id, one, account.second)
    account.world.leave_segment(account.id, two, account.first)
    account.world.delete_customer(account.id, three)
    scan = account.scan()
    assert (scan.customers_count, scan.by_id_count, scan.gone_count, scan.kept_count) == (2, 1, 1, 0)
    assert account.rows(
        "select customer_id, place_id, end_reason from members.stays where place = 'segment' order by 1, 2"
    ) == [
        (one, account.first, None),
        (one, account.second, None),
        (two, account.first, "left"),
        (three, account.first, "gone_or_hidden"),
    ]
    assert scan.difference_count == 0
