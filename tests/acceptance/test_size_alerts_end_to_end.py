"""Size alerts from the settings to the webhook: by ``sync``, by Dagster, in ``doctor``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from commands.doctor.alerts import check_alerts
from commands.doctor.check import Check
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.config.scan_window import ScanWindow
from pipelines.customers.fleet import scan_accounts
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.command_line import run
from tests.dagster_account import DagsterAccount, materialization_metadata
from tests.integration.test_webhook import Hook
from tests.records import START

NOWHERE = Secret("http://127.0.0.1:1/canary-key")
HALF = SizeRule(percent=Decimal(50))


def ruled(dagster_account: DagsterAccount, *rules: SizeRule) -> dict[str, Any]:
    """Accounts with these rules."""
    [account] = dagster_account.settings.accounts
    return {"accounts": (replace(account, alerts=rules),)}


def test_sync_continues_if_the_webhook_is_down(dagster_account: DagsterAccount, tmp_path: Path) -> None:
    [account] = dagster_account.settings.accounts
    dagster_account.emulator.clock.advance(datetime.now(UTC) - START - timedelta(days=2))
    load_account(
        LoadContext(
            dagster_account.engine, replace(account, key="main"), dagster_account.settings, clock=dagster_account.clock
        )
    )
    dagster_account.emulator.clock.advance(timedelta(days=2))
    dagster_account.emulator.world.set_size(dagster_account.id, dagster_account.vip, 100)
    assert dagster_account.settings.database_url
    variables = {
        "AMOCRM_HOST": account.host,
        "AMOCRM_TOKEN": dagster_account.token,
        "DATABASE_URL": dagster_account.settings.database_url.reveal(),
        "AMOCRM_SIZE_ALERTS": "up 50% in 1 day",
        "AMOCRM_LANGUAGE": "en",
    }
    down = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=NOWHERE.reveal(), **variables)
    with Hook(200).running() as hook:
        up = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=hook.url.reveal(), **variables)
        again = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=hook.url.reveal(), **variables)
    database_only = {"DATABASE_URL": variables["DATABASE_URL"], "AMOCRM_LANGUAGE": "en"}
    asked = run("alerts", "up 50% in 1 day; down 1 in 1 day", folder=tmp_path, **database_only)
    calm = run("alerts", "up 500% and 91 customers in 1 day", folder=tmp_path, **database_only)
    assert (asked.returncode, calm.stdout) == (0, "No alert on sizes would be sent.\n")
    assert asked.stdout.startswith("Segment 'VIP' grew by 90 (")
    unset = run("alerts", folder=tmp_path, **database_only)
    assert unset.stdout.startswith("Receivers: none. Set AMOCRM_ALERT_WEBHOOK_URL or ")
    assert "\nRules on sizes: none. Set AMOCRM_SIZE_ALERTS " in unset.stdout
    own = run("alerts", folder=tmp_path, **variables).stdout
    assert own.startswith("Receivers: none. ")
    assert "\nRules on sizes:\n  up 50 % in 1 day from 20\nChanges:\n  mode: the account's customers mode was " in own
    assert "\n\nSegment 'VIP' grew by 90 (" in own
    assert run("alerts", "up a bit", folder=tmp_path, **database_only).returncode == SettingsError.exit_code
    assert dagster_account.rows("select count(*) from amocrm.size_alert") == [(1,)], "only sync keeps what it told"
    assert [one.returncode for one in (down, up, again)] == [0, 0, 0]
    assert down.stderr.startswith("account 'main': alerts are deferred to the next load. The webhook of ")
    assert "canary-key" not in down.stdout + down.stderr
    assert up.stderr == again.stderr == ""
    [(_, body, _)] = hook.received
    assert (body["text"] or "").startswith("amoCRM account 'main': Segment 'VIP' grew by 90 (")


def test_a_run_sends_alerts_and_counts_them(dagster_account: DagsterAccount) -> None:
    with dg.DagsterInstance.ephemeral() as instance, Hook(200).running() as hook:
        before = dagster_account.load(instance, **ruled(dagster_account, HALF), alert_webhook_url=hook.url)
        dagster_account.emulator.clock.advance(timedelta(days=1))
        dagster_account.emulator.world.set_size(dagster_account.id, dagster_account.vip, 100)
        dagster_account.emulator.world.rename_segment(dagster_account.id, dagster_account.new, "Fresh")
        down = dagster_account.load(instance, **ruled(dagster_account, HALF), alert_webhook_url=NOWHERE)
        after = dagster_account.load(instance, **ruled(dagster_account, HALF), alert_webhook_url=hook.url)
    assert before.success
    assert down.success
    assert after.success
    notes = [materialization_metadata(result)["amocrm/size_alert"] for result in (before, down, after)]
    counts = [(note["begun"], note["told"], note["changes"]) for note in notes]
    assert counts == [(0, 0, 0), (1, 0, 0), (0, 1, 1)]
    assert "cannot be reached" in notes[1]["failure"]
    assert [body["kind"] for _, body, _ in hook.received] == ["size_alerts", "changes"]


def checked(dagster_account: DagsterAccount, engine: Engine | None, *rules: SizeRule, **changes: Any) -> list[Check]:
    """Doctor's checks of the rules."""
    changes = {"alert_webhook_url": NOWHERE, **ruled(dagster_account, *rules), **changes}
    settings = replace(dagster_account.settings, **changes)
    return list(check_alerts(settings.accounts[0], settings, engine))


def test_doctor_knows_what_keeps_rules_from_telling(dagster_account: DagsterAccount) -> None:
    named = SizeRule(segments=("VIP", dagster_account.new, "Gone", 404), customers=1)
    assert checked(dagster_account, dagster_account.engine) == []
    [unset] = checked(dagster_account, dagster_account.engine, HALF, alert_webhook_url=None)
    assert (unset.status, "AMOCRM_ALERT_WEBHOOK_URL" in unset.advice) == ("warning", True)
    [early] = checked(dagster_account, dagster_account.engine, named)
    assert early.status == "ok"
    load_again(dagster_account)
    [unknown] = checked(dagster_account, dagster_account.engine, named)
    assert (unknown.status, unknown.finding) == ("warning", "No segment has the name or id 'Gone', 404.")
    [fine] = checked(dagster_account, dagster_account.engine, HALF, HALF)
    assert (fine.status, fine.finding) == ("ok", "2 rules.")
    assert checked(dagster_account, None, HALF) == []


def test_doctor_knows_that_rules_on_stages_need_scans(dagster_account: DagsterAccount) -> None:
    dagster_account.emulator.world.switch_mode(dagster_account.id, "periodicity")
    stage = dagster_account.emulator.world.add_stage(dagster_account.id, "Loyal")
    load_again(dagster_account)
    named = SizeRule(segments=("Loyal", stage, "VIP"), customers=1)
    [unscanned] = checked(dagster_account, dagster_account.engine, named)
    assert (unscanned.status, unscanned.finding) == (
        "warning",
        "1 rule, but amoCRM does not count the customers of a stage.",
    )
    [account] = dagster_account.settings.accounts
    scanned = replace(account, customers=ScanWindow(start=time(1), end=time(6)))
    dagster_account.settings = replace(dagster_account.settings, accounts=(scanned,))
    [early] = checked(dagster_account, dagster_account.engine, named)
    assert (early.status, early.finding) == ("ok", "1 rule.")
    list(scan_accounts(dagster_account.engine, [scanned], dagster_account.settings, clock=dagster_account.clock))
    [unknown] = checked(dagster_account, dagster_account.engine, named)
    assert (unknown.status, unknown.finding) == ("warning", "No stage has the name or id 'VIP'.")


def load_again(dagster_account: DagsterAccount) -> None:
    """Load the account without Dagster."""
    [account] = dagster_account.settings.accounts
    load_account(LoadContext(dagster_account.engine, account, dagster_account.settings, clock=dagster_account.clock))
