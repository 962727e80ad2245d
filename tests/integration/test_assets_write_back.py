"""Dagster's job that plans and applies a file: what it shows, that it only plans unless told, how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from assets.definitions import defined
from assets.resources import Workbench
from assets.write_back import fenced
from emulator import effects
from pipelines.clock import Clock
from tests.dagster_company import CRON, DagsterCompany, dagster_company, failure, materialized
from tests.records import START

FILE = "version: 1\nsegments: [{name: VIP, color: ae003f}, {name: '```Gold'}]"


@pytest.fixture
def company(postgres_url: str, engine: Engine, tmp_path: Path) -> Iterator[DagsterCompany]:
    with dagster_company(postgres_url, engine, tmp_path) as company:
        yield company


def run(company: DagsterCompany, **config: Any) -> dg.ExecuteInProcessResult:
    """One run by hand, in which time passes by a second whenever it is asked."""
    seconds = count()
    clock = Clock(now=lambda: START + timedelta(seconds=next(seconds)), sleep=lambda _: None)
    with ExitStack() as until, dg.DagsterInstance.ephemeral() as instance:
        bench = Workbench(lambda: company.settings, until, clock)
        job = defined(CRON, "UTC", bench).resolve_job_def("manage_account")
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(
            instance=instance,
            run_config=quiet | {"ops": {"make_as_wanted": {"config": config}}},
            raise_on_error=False,
        )


def planned(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Metadata of what a run planned."""
    [event] = [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"]
    observation = event.asset_observation_data.asset_observation
    assert (observation.asset_key, observation.partition) == (dg.AssetKey(["amocrm", "write_back"]), "corner")
    return {name: value.value for name, value in observation.metadata.items()}


def test_by_default_it_only_plans_and_shows_the_diff(company: DagsterCompany) -> None:
    result = run(company, text=FILE)
    assert result.success
    shown = planned(result)
    assert shown["calls"] == 2
    assert "~ segment VIP" in shown["diff"]
    assert shown["diff"].startswith("````\n"), "no name breaks out of the fence"
    assert shown["plan"]["calls"][0]["method"] == "PATCH"
    assert materialized(result) == {}
    assert {request.method for request in company.emulator.requests} == {"GET"}


def test_told_to_it_applies_and_loads(company: DagsterCompany, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE, encoding="utf-8")
    result = run(company, file=str(file), account="corner", dry_run=False, reason="spring")
    assert result.success
    shown = materialized(result)["amocrm/write_back"]
    assert (shown["calls"], shown["done"], shown["left"]) == (2, 2, 0)
    assert company.rows("select name from analytics.segments order by 1") == [("New",), ("VIP",), ("```Gold",)]
    assert company.rows("select distinct who, reason from analytics.write_backs") == [
        (f"Dagster run {result.run_id}", "spring")
    ]
    assert company.rows("select distinct run_id from amocrm.snapshot") == [(result.run_id,)]
    again = run(company, text=FILE, dry_run=False)
    assert (again.success, planned(again)["calls"], materialized(again)) == (True, 0, {})


def test_what_is_refused_fails_the_run_after_showing_how_far_it_came(company: DagsterCompany) -> None:
    with company.emulator.faults.during(effects.error(403), method="PATCH"):
        result = run(company, text=FILE, dry_run=False)
    assert not result.success
    told, facts, was_repeated = failure(result)
    assert "403" in (told or "")
    assert (facts["error"], facts["account"], was_repeated) == ("Forbidden", "corner", False)
    assert materialized(result)["amocrm/write_back"]["left"] == 1


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({}, "not clear what is wanted"),
        ({"file": "a", "text": "b"}, "not clear what is wanted"),
        ({"file": "/nonexistent"}, "cannot be read"),
        ({"text": "version: 1\nsegments: [{name: A, color: red}]"}, "'red'"),
        ({"text": FILE, "account": "other"}, "no account 'other'"),
    ],
)
def test_mistakes_are_told(company: DagsterCompany, config: dict[str, str], what: str) -> None:
    result = run(company, **config)
    told, facts, _ = failure(result)
    assert what in (told or "")
    assert facts["exit_code"] == 2


@pytest.mark.parametrize(("text", "fence"), [("plain\n", "```"), ("`a` ``b``\n", "```"), ("`````\n", "``````")])
def test_a_fence_is_longer_than_what_it_holds(text: str, fence: str) -> None:
    assert fenced(text) == f"{fence}\n{text}{fence}"
