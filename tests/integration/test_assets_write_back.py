"""Dagster's job that plans a file, and applies it on request."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.resources import Warehouse
from assets.write_back import fence_markdown
from emulator import effects
from tests.accounts import ticking_clock
from tests.dagster_account import CRON, DagsterAccount, materialization_metadata, step_failure

FILE = "version: 1\nsegments: [{name: VIP, color: ae003f}, {name: '```Gold'}]"


def run(
    dagster_account: DagsterAccount, *, is_on: bool = True, folder: Path | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    """One run by hand, in which time passes by a second whenever it is asked."""
    settings = replace(dagster_account.settings, write_back_from_dagster=is_on, write_back_dir=folder)
    with ExitStack() as until, dg.DagsterInstance.ephemeral() as instance:
        bench = Warehouse(lambda: settings, until, ticking_clock())
        job = build_definitions(CRON, "UTC", bench).resolve_job_def("manage_account")
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


def test_by_default_it_only_plans_and_shows_the_diff(dagster_account: DagsterAccount) -> None:
    result = run(dagster_account, text=FILE, is_on=False)
    assert result.success
    shown = planned(result)
    assert shown["calls"] == 2
    assert "~ segment VIP" in shown["diff"]
    assert shown["diff"].startswith("````\n"), "no name breaks out of the fence"
    assert shown["plan"]["calls"][0]["method"] == "PATCH"
    assert materialization_metadata(result) == {}
    assert {request.method for request in dagster_account.emulator.requests} == {"GET"}


def test_it_applies_and_loads_on_request(dagster_account: DagsterAccount, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE, encoding="utf-8")
    shown_before = planned(run(dagster_account, text=FILE))["fingerprint"]
    result = run(
        dagster_account,
        folder=tmp_path,
        file="wanted.yaml",
        account="corner",
        dry_run=False,
        fingerprint=shown_before,
        reason="spring",
    )
    assert result.success
    shown = materialization_metadata(result)["amocrm/write_back"]
    assert (shown["calls"], shown["done"], shown["left"]) == (2, 2, 0)
    assert dagster_account.rows("select name from analytics.segments order by 1") == [("New",), ("VIP",), ("```Gold",)]
    assert dagster_account.rows("select distinct who, reason from analytics.write_backs") == [
        (f"Dagster run {result.run_id}", "spring")
    ]
    assert dagster_account.rows("select distinct run_id from amocrm.snapshot") == [(result.run_id,)]
    again = run(dagster_account, text=FILE, dry_run=False, fingerprint=shown_before)
    assert (again.success, planned(again)["calls"], materialization_metadata(again)) == (True, 0, {})


def test_what_is_refused_fails_the_run_after_showing_how_far_it_came(dagster_account: DagsterAccount) -> None:
    shown = planned(run(dagster_account, text=FILE))["fingerprint"]
    with dagster_account.emulator.faults.during(effects.error(403), method="PATCH"):
        result = run(dagster_account, text=FILE, dry_run=False, fingerprint=shown)
    assert not result.success
    told, facts, was_repeated = step_failure(result)
    assert "403" in (told or "")
    assert (facts["error"], facts["account"], was_repeated) == ("Forbidden", "corner", False)
    assert materialization_metadata(result)["amocrm/write_back"]["left"] == 1


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({}, "missing or given twice"),
        ({"file": "a", "text": "b"}, "missing or given twice"),
        ({"file": "/nonexistent"}, "may not read files"),
        ({"text": "version: 1\nsegments: [{name: A, color: red}]"}, "'red'"),
        ({"text": FILE, "account": "other"}, "no account 'other'"),
    ],
)
def test_errors_of_the_file_are_reported(dagster_account: DagsterAccount, config: dict[str, Any], what: str) -> None:
    result = run(dagster_account, **config)
    told, facts, _ = step_failure(result)
    assert what in (told or "")
    assert facts["exit_code"] == 2


def sent(dagster_account: DagsterAccount) -> set[str]:
    """Methods of all requests so far."""
    return {request.method for request in dagster_account.emulator.requests}


DELETING = "version: 1\ncomplete: [segments]\nsegments: []"


def test_it_is_off_unless_a_setting_turns_it_on(dagster_account: DagsterAccount) -> None:
    shown = planned(run(dagster_account, text=FILE, is_on=False))["fingerprint"]
    result = run(dagster_account, text=FILE, dry_run=False, fingerprint=shown, is_on=False)
    told, facts, _ = step_failure(result)
    assert "may not change accounts" in (told or "")
    assert "AMOCRM_WRITE_BACK_FROM_DAGSTER" in str(facts["what_to_do"])
    assert sent(dagster_account) == {"GET"}


@pytest.mark.parametrize("given", [None, "", "0" * 64])
def test_only_a_plan_that_was_shown_is_applied(dagster_account: DagsterAccount, given: str | None) -> None:
    result = run(dagster_account, text=FILE, dry_run=False, fingerprint=given)
    told, facts, _ = step_failure(result)
    assert "Nothing was sent." in (told or "")
    assert (facts["exit_code"], sent(dagster_account) <= {"GET"}) == (2, True)


def test_a_plan_that_was_shown_is_not_applied_to_an_account_that_changed(dagster_account: DagsterAccount) -> None:
    shown = planned(run(dagster_account, text=FILE))["fingerprint"]
    dagster_account.emulator.world.recolor_segment(dagster_account.id, dagster_account.vip, "f9deff")
    told, _, _ = step_failure(run(dagster_account, text=FILE, dry_run=False, fingerprint=shown))
    assert "has another fingerprint" in (told or "")
    assert sent(dagster_account) == {"GET"}


def test_deletions_have_to_be_named_one_by_one(dagster_account: DagsterAccount) -> None:
    shown = planned(run(dagster_account, text=DELETING))["fingerprint"]
    both = sorted([dagster_account.vip, dagster_account.new])
    for named in ([], both[:1], [*both, 1]):
        told, facts, _ = step_failure(
            run(dagster_account, text=DELETING, dry_run=False, fingerprint=shown, delete_segments=named)
        )
        assert f"deletes the segments [{both[0]}, {both[1]}]" in (told or "")
        assert "delete_segments" in str(facts["what_to_do"])
    told, _, _ = step_failure(run(dagster_account, text=DELETING, dry_run=False, fingerprint=shown, delete_stages=both))
    assert "Nothing was sent" in (told or "")
    assert sent(dagster_account) == {"GET"}
    assert run(dagster_account, text=DELETING, dry_run=False, fingerprint=shown, delete_segments=both[::-1]).success
    assert "DELETE" in sent(dagster_account)


def test_a_file_outside_of_the_folder_is_not_read(dagster_account: DagsterAccount, tmp_path: Path) -> None:
    told, facts, _ = step_failure(run(dagster_account, folder=tmp_path, file="/etc/passwd"))
    assert "/etc/passwd is not below" in (told or "")
    assert facts["exit_code"] == 2


@pytest.mark.parametrize(("text", "fence"), [("plain\n", "```"), ("`a` ``b``\n", "```"), ("`````\n", "``````")])
def test_a_fence_is_longer_than_what_it_holds(text: str, fence: str) -> None:
    assert fence_markdown(text) == f"{fence}\n{text}{fence}"
