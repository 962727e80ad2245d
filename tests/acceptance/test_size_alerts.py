"""Alerts on sizes from the settings to the webhook, as users have them: by ``sync``, by Dagster, in ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from commands.doctor.alerts import check_alerts
from commands.doctor.check import Check
from pipelines.errors import SettingsError
from pipelines.load import load_account
from pipelines.secret import Secret
from pipelines.size_alerts.rules import SizeRule
from tests.command_line import run
from tests.dagster_company import DagsterCompany, dagster_company, materialized
from tests.integration.test_alerts import Hook
from tests.records import START

NOWHERE = Secret("http://127.0.0.1:1/canary-key")
HALF = SizeRule(percent=Decimal(50))


@pytest.fixture
def company(postgres_url: str, engine: Engine, tmp_path: Path) -> Iterator[DagsterCompany]:
    """The account, with VIP at 10 customers and New at 3."""
    with dagster_company(postgres_url, engine, tmp_path) as company:
        yield company


def ruled(company: DagsterCompany, *rules: SizeRule) -> dict[str, Any]:
    """Accounts with these rules."""
    [account] = company.settings.accounts
    return {"accounts": (replace(account, alerts=rules),)}


def test_sync_tells_and_goes_on_where_the_webhook_is_down(company: DagsterCompany, tmp_path: Path) -> None:
    [account] = company.settings.accounts
    company.emulator.clock.advance(datetime.now(UTC) - START - timedelta(days=2))
    load_account(company.engine, replace(account, key="main"), company.settings, clock=company.clock)
    company.emulator.clock.advance(timedelta(days=2))
    company.emulator.world.set_size(company.id, company.vip, 100)
    assert company.settings.database_url
    variables = {
        "AMOCRM_HOST": account.host,
        "AMOCRM_TOKEN": company.token,
        "DATABASE_URL": company.settings.database_url.reveal(),
        "AMOCRM_SIZE_ALERTS": "up 50% in 1 day",
    }
    down = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=NOWHERE.reveal(), **variables)
    with Hook(200).running() as hook:
        up = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=hook.url.reveal(), **variables)
        again = run("sync", folder=tmp_path, AMOCRM_ALERT_WEBHOOK_URL=hook.url.reveal(), **variables)
    alone = {"DATABASE_URL": variables["DATABASE_URL"]}
    asked = run("alerts", "up 50% in 1 day; down 1 in 1 day", folder=tmp_path, **alone)
    calm = run("alerts", "up 500% and 91 customers in 1 day", folder=tmp_path, **alone)
    assert (asked.returncode, calm.stdout) == (0, "Nobody would be told of anything.\n")
    assert asked.stdout.startswith("Segment 'VIP' grew by 90 (")
    assert run("alerts", "up a bit", folder=tmp_path, **alone).returncode == SettingsError.exit_code
    assert company.rows("select count(*) from amocrm.size_alert") == [(1,)], "only sync keeps what it told"
    assert [one.returncode for one in (down, up, again)] == [0, 0, 0]
    assert down.stderr.startswith("account 'main': alerts wait for the next load. The webhook of ")
    assert "canary-key" not in down.stdout + down.stderr
    assert up.stderr == again.stderr == ""
    [(_, body, _)] = hook.received
    assert (body["text"] or "").startswith("amoCRM account 'main': Segment 'VIP' grew by 90 (")


def test_a_run_tells_and_shows_how_many(company: DagsterCompany) -> None:
    with dg.DagsterInstance.ephemeral() as instance, Hook(200).running() as hook:
        before = company.load(instance, **ruled(company, HALF), alert_webhook_url=hook.url)
        company.emulator.clock.advance(timedelta(days=1))
        company.emulator.world.set_size(company.id, company.vip, 100)
        down = company.load(instance, **ruled(company, HALF), alert_webhook_url=NOWHERE)
        after = company.load(instance, **ruled(company, HALF), alert_webhook_url=hook.url)
    assert before.success
    assert down.success
    assert after.success
    notes = [materialized(result)["amocrm/size_alert"] for result in (before, down, after)]
    assert [(note["begun"], note["told"]) for note in notes] == [(0, 0), (1, 0), (0, 1)]
    assert "cannot be reached" in notes[1]["trouble"]
    assert len(hook.received) == 1


def checked(company: DagsterCompany, engine: Engine | None, *rules: SizeRule, **changes: Any) -> list[Check]:
    """What doctor says of the rules."""
    changes = {"alert_webhook_url": NOWHERE, **ruled(company, *rules), **changes}
    settings = replace(company.settings, **changes)
    return list(check_alerts(settings.accounts[0], settings, engine))


def test_doctor_knows_what_keeps_rules_from_telling(company: DagsterCompany) -> None:
    named = SizeRule(segments=("VIP", company.new, "Gone", 404), customers=1)
    assert checked(company, company.engine) == []
    [unset] = checked(company, company.engine, HALF, alert_webhook_url=None)
    assert (unset.status, "AMOCRM_ALERT_WEBHOOK_URL" in unset.advice) == ("warning", True)
    [early] = checked(company, company.engine, named)
    assert early.status == "ok"
    load_account(company.engine, company.settings.accounts[0], company.settings, clock=company.clock)
    [unknown] = checked(company, company.engine, named)
    assert (unknown.status, unknown.finding) == ("warning", "No segment is called, or has the id, 'Gone', 404.")
    [fine] = checked(company, company.engine, HALF, HALF)
    assert (fine.status, fine.finding) == ("ok", "It has 2 rules.")
    assert checked(company, None, HALF) == []
