"""Alerts after scans of customers, with a real Postgres, emulator and webhook: sizes of stages, and failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.customers.failure_alerts import notify_of_scans
from pipelines.customers.fleet import scan_accounts
from pipelines.customers.publish_scan import PublishedScan
from pipelines.load.fleet import load_fleet
from pipelines.load.result import ErrorReport
from tests.accounts import EmulatedAccount, emulator_clock
from tests.integration.test_webhook import Hook

NOWHERE = Secret("http://127.0.0.1:1/canary-key")


class AlertingAccount(EmulatedAccount):
    """An account in periodicity mode whose scans alert."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, key: str = "main") -> None:
        super().__init__(emulator, engine, root, key, mode="periodicity")
        self.account = replace(self.account, alerts=(SizeRule(customers=3),))
        self.loyal = self.world.add_stage(self.id, "Loyal <3")
        self.load(0)


class ScanningFleet:
    """Two such accounts, a webhook, and days on which they are scanned."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, hook: Hook) -> None:
        self.accounts = [AlertingAccount(emulator, engine, root, key) for key in ("acme", "beta")]
        self.emulator, self.engine, self.hook = emulator, engine, hook
        self.settings = replace(self.accounts[0].settings, alert_webhook_url=hook.url)

    def scan(self, **changes: Any) -> dict[str, PublishedScan | ErrorReport]:
        """Scan the accounts a day later."""
        self.emulator.clock.advance(timedelta(days=1))
        settings = replace(self.settings, **changes)
        accounts = [one.account for one in self.accounts]
        return dict(scan_accounts(self.engine, accounts, settings, clock=emulator_clock(self.emulator)))

    def texts(self) -> list[str]:
        """Texts that arrived since the last call."""
        texts = [str(body["text"]) for _, body, _ in self.hook.received]
        self.hook.received.clear()
        return texts

    def notify(self, **changes: Any) -> list[str]:
        """Scan, send what is new about failures, and return the texts that arrived."""
        scans = self.scan()
        outcomes = {key: one if isinstance(one, ErrorReport) else None for key, one in scans.items()}
        clock, settings = emulator_clock(self.emulator), replace(self.settings, **changes)
        assert notify_of_scans(self.engine, settings.receivers, outcomes, settings, clock=clock) is None
        return self.texts()


@pytest.fixture
def fleet(emulator: Emulator, engine: Engine, tmp_path: Path) -> Iterator[ScanningFleet]:
    with Hook(200).running() as hook:
        yield ScanningFleet(emulator, engine, tmp_path, hook)


def test_a_scan_alerts_on_a_stage_and_says_who_came(fleet: ScanningFleet) -> None:
    acme = fleet.accounts[0]
    customers = [acme.world.add_customer(acme.id) for _ in range(5)]
    fleet.scan()
    for customer in customers[:3]:
        acme.world.move_customer(acme.id, customer, acme.loyal)
    acme.world.delete_customer(acme.id, customers[3])
    scans = fleet.scan(alert_webhook_url=NOWHERE)
    scan = scans["acme"]
    assert isinstance(scan, PublishedScan), "a receiver that is down fails no scan"
    assert "cannot be reached" in (scan.alert_error or "")
    assert "canary" not in (scan.alert_error or "")
    fleet.scan()
    [text] = fleet.texts()
    assert text.startswith("amoCRM account 'acme': Stage '")
    assert "Stage 'Loyal &lt;3' grew by 3 to 3. Rule: 3 customers in 1 day.\n" in text
    assert "\nCame: 3 from '" in text
    assert "Went: 3 to 'Loyal &lt;3', 1 gone. Scans: " in text
    fleet.scan()
    assert fleet.texts() == [], "an alert is sent once"


def test_a_database_that_rejects_an_alert_fails_no_scan(fleet: ScanningFleet) -> None:
    fleet.accounts[0].execute("alter table amocrm.size_alert rename to elsewhere")
    assert {"size_alert" in (getattr(one, "alert_error", None) or "") for one in fleet.scan().values()} == {True}


def test_a_failing_scan_alerts_when_it_begins_daily_and_when_it_ends(fleet: ScanningFleet) -> None:
    fault = fleet.emulator.faults.add(effects.error(403), resource="customers", account_id=fleet.accounts[0].id)
    [text] = fleet.notify()
    assert text.startswith("amoCRM scan of 'acme' failed: ")
    assert "What to do: Check the rights of the token's user" in text
    [text] = fleet.notify()
    assert text.startswith("amoCRM scan of 'acme' failed: It has failed since ")
    fleet.emulator.clock.advance(timedelta(hours=-23))
    assert fleet.notify() == []
    fleet.emulator.faults.remove(fault)
    assert fleet.notify(alert_webhook_url=None) == []
    [text] = fleet.notify()
    assert text.startswith("amoCRM scan of 'acme' works again: It had failed since ")
    assert fleet.notify() == []


def test_scans_that_fail_alike_are_one_alert(fleet: ScanningFleet) -> None:
    with fleet.emulator.faults.during(effects.error(403), resource="customers"):
        [text] = fleet.notify()
    assert text.startswith(
        "amoCRM scan of 'fleet' failed: Started failing: acme, beta. 2 of 2 accounts were not scanned. acme, "
        "beta: Forbidden, "
    )
    [text] = fleet.notify()
    assert text.startswith("amoCRM scan of 'fleet' works again: Scanned again: acme (failed since ")


def test_a_scan_leaves_errors_of_the_account_to_its_loads(fleet: ScanningFleet) -> None:
    """An expired token, and any error while the loads fail too."""
    with fleet.emulator.faults.during(effects.error(401)):
        assert fleet.notify() == []
    accounts = [one.account for one in fleet.accounts]
    with fleet.emulator.faults.during(effects.error(403)):
        clock = emulator_clock(fleet.emulator)
        loads = list(load_fleet(fleet.engine, accounts, fleet.settings, threads=1, clock=clock))
        assert [load.status for load in loads] == ["failed", "failed"]
        assert fleet.notify() == []
    assert fleet.notify() == []
