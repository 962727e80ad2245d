"""Dagster's load job: metadata, checks, and failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from assets.size_alerts import SIZE_ALERT
from assets.specs import LOAD_FAILURE, PUBLISHED, QUALITY_EVENT, RAW_ANSWER, SEGMENT_JUMPS, SNAPSHOT, VIEWS
from emulator import effects
from pipelines.base.secret import Secret
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.dagster_account import (
    DagsterAccount,
    check_evaluations,
    count_events,
    materialization_metadata,
    skip_retry_waits,
    step_failure,
    table_rows,
)
from tests.scan_rows import insert_scan

HISTORY = [spec.key for spec in PUBLISHED]
VIEW_KEYS = [spec.key for spec in VIEWS]
PUBLISH = [QUALITY_EVENT, SNAPSHOT]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's memory, which ends with the test."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let Dagster's waits before a retry pass in no time; how long they would have been, in seconds."""
    return skip_retry_waits(monkeypatch)


def test_a_run_shows_every_table_and_view(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    result = dagster_account.load(instance)
    assert result.success
    shown = materialization_metadata(result)
    assert set(shown) == {
        key.to_user_string() for key in (RAW_ANSWER, *HISTORY, SIZE_ALERT.key, LOAD_FAILURE.key, *VIEW_KEYS)
    }
    assert {event.partition for event in result.all_events if event.is_step_materialization} == {"corner"}
    assert dagster_account.rows("select run_id, segment_count from amocrm.snapshot") == [(result.run_id, 2)]
    assert shown["amocrm/segment_version"]["rows_written"] == 2
    assert shown["amocrm/snapshot"]["segments"] == 2
    assert shown["amocrm/raw_answer"]["requests"] == len(dagster_account.emulator.requests)
    assert shown["analytics/segments"]["dagster/partition_row_count"] == 2
    assert shown["amocrm/load_failure"]["dagster/partition_row_count"] == 0
    assert table_rows(shown["analytics/segment_sizes_daily"]["sizes_by_day"]) == [
        {"segment": name, "60 days": "▄", "smallest": size, "largest": size, "size": size}
        for name, size in (("VIP", "10"), ("New", "3"))
    ]
    assert count_events(result)["STEP_OUTPUT"] == 5 + len(check_evaluations(result)), "one per asset with a step"
    assert {name: one.passed for name, one in check_evaluations(result).items()} == {
        "token_lasts": True,
        "lists_are_whole": True,
        "answers_and_ids_are_usable": True,
        "account_is_the_same": True,
        "below_documented_limits": True,
        "answers_are_as_documented": True,
        "sizes_are_usual": True,
    }
    assert {one.partition for one in check_evaluations(result).values()} == {"corner"}


def test_a_run_in_which_nothing_changed_writes_one_row_and_still_confirms_every_table(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    dagster_account.load(instance)
    shown = materialization_metadata(dagster_account.load(instance))
    written = {key: metadata["rows_written"] for key, metadata in shown.items() if "rows_written" in metadata}
    assert {key for key, count in written.items() if count} == {"amocrm/snapshot"}
    assert len(written) == len(HISTORY)


def test_changes_are_described_in_words(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    dagster_account.load(instance)
    dagster_account.emulator.world.rename_segment(dagster_account.id, dagster_account.vip, "VIP | <b>`club`</b>")
    shown = materialization_metadata(dagster_account.load(instance))
    [told] = table_rows(shown["analytics/changes"]["what_changed_lately"])
    assert told["change"] == "segment 'VIP' renamed to 'VIP | <b>`club`</b>'"
    [vip, _] = table_rows(shown["analytics/segment_trends"]["sizes"])
    assert (vip["segment"], vip["size"]) == ("VIP | <b>`club`</b>", "10")


def test_sizes_of_stages_are_shown_after_scans(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    account = dagster_account.emulator.world.account(dagster_account.id)
    account.mode = "periodicity"
    shown = materialization_metadata(dagster_account.load(instance))
    assert "sizes" not in shown["analytics/stage_trends"]
    stage, day = account.live_stages()[0], timedelta(days=1)
    for size in (40, 55):
        insert_scan(
            dagster_account.engine,
            dagster_account.emulator.clock.now(),
            {stage.id: size},
            is_stage=True,
            account_id=dagster_account.id,
        )
        dagster_account.emulator.clock.advance(day)
    shown = materialization_metadata(dagster_account.load(instance))
    [row] = table_rows(shown["analytics/stage_trends"]["sizes"])
    assert row == {"stage": stage.name, "size": "55", "1 day": "+15", "7 days": "", "30 days": ""}
    [row] = table_rows(shown["analytics/stage_sizes_daily"]["sizes_by_day"])
    assert (row["stage"], row["smallest"], row["largest"], row["size"]) == (stage.name, "40", "55", "55")
    assert shown["analytics/stage_sizes_daily"]["dagster/partition_row_count"] == 2


BLOCKED = [
    (effects.looping_next(), "lists_are_whole", "IncompleteList"),
    (effects.trailing_comma(), "answers_and_ids_are_usable", "MalformedAnswer"),
    (
        effects.items(lambda items: [item | {"id": None} for item in items]),
        "answers_and_ids_are_usable",
        "MalformedAnswer",
    ),
    (effects.items(lambda items: [item | {"account_id": 1} for item in items]), "account_is_the_same", "WrongAccount"),
    (effects.error(422), "account_is_the_same", "ModeDisagreement"),
]
"""Answers that end a run, with the check that fails and its error."""


def test_the_check_that_blocks_is_the_one_that_failed_and_nothing_is_published(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    dagster_account.load(instance)
    for effect, check, error in BLOCKED:
        with dagster_account.emulator.faults.during(effect, resource="segments"):
            result = dagster_account.load(instance)
        assert not result.success
        found = check_evaluations(result)
        assert found[check].severity is dg.AssetCheckSeverity.ERROR
        assert found[check].metadata["what_to_do"].value
        others = {"lists_are_whole", "answers_and_ids_are_usable", "account_is_the_same"} - {check}
        assert {found[name].severity for name in others} == {dg.AssetCheckSeverity.WARN}
        assert not any(found[name].passed for name in (check, *others))
        said, facts, was_retried = step_failure(result)
        assert found[check].description == said
        assert (facts["error"], was_retried) == (error, False)
        assert dagster_account.snapshot_count == 1
        assert not materialization_metadata(result)
    assert dagster_account.load(instance).success


def test_a_token_that_is_refused_is_not_tried_again(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    with dagster_account.emulator.faults.during(effects.error(401)):
        said, facts, was_retried = step_failure(dagster_account.load(instance))
    assert said
    assert "401" in said
    assert facts["error"] == "Unauthorized"
    assert "AMOCRM_TOKEN" in facts["what_to_do"]
    assert facts["exit_code"] == 4
    assert not was_retried


def test_transient_errors_are_retried_later(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, no_waiting: list[float]
) -> None:
    with dagster_account.emulator.faults.during(effects.status(503), resource="segments", times=6):
        result = dagster_account.load(instance)
    assert result.success
    assert count_events(result)["STEP_UP_FOR_RETRY"] == 1
    assert len(no_waiting) == 1
    assert 0 < no_waiting[0] < 120
    assert dagster_account.snapshot_count == 1


def test_permanent_errors_end_the_run(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, no_waiting: list[float]
) -> None:
    with dagster_account.emulator.faults.during(effects.status(503)):
        result = dagster_account.load(instance)
    _, facts, _ = step_failure(result)
    assert facts["error"] == "Unavailable"
    assert count_events(result)["STEP_UP_FOR_RETRY"] == len(no_waiting) == 2
    assert dagster_account.snapshot_count == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"accounts": ()}, "SettingsError"),
        ({"database_url": Secret("postgresql://127.0.0.1:1/none")}, "DatabaseUnavailable"),
    ],
)
def test_the_step_reports_wrong_settings(
    dagster_account: DagsterAccount,
    instance: dg.DagsterInstance,
    no_waiting: list[float],
    changes: dict[str, Any],
    error: str,
) -> None:
    _, facts, was_retried = step_failure(dagster_account.load(instance, **changes))
    assert facts["error"] == error
    assert was_retried == bool(no_waiting) == (error == "DatabaseUnavailable")


def test_a_database_that_was_not_migrated(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, empty_database_url: str
) -> None:
    _, facts, was_retried = step_failure(dagster_account.load(instance, database_url=Secret(empty_database_url)))
    assert (facts["error"], was_retried) == ("MigrationError", False)


def test_publishing_again_sends_no_request(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    """As when a run is executed again from its failure: the answers are there."""
    assert dagster_account.load(instance, selection=[RAW_ANSWER]).success
    assert dagster_account.snapshot_count == 0
    asked = len(dagster_account.emulator.requests)
    for _ in range(2):
        assert dagster_account.load(instance, selection=[*PUBLISH, SEGMENT_JUMPS]).success
        assert dagster_account.snapshot_count == 1
    assert len(dagster_account.emulator.requests) == asked


def test_publishing_without_any_answers_says_what_to_do(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    result = dagster_account.load(instance, selection=PUBLISH)
    assert not result.success
    [event] = [event for event in result.all_events if event.is_step_failure]
    assert "was never fetched" in event.step_failure_data.error_display_string


def test_a_load_that_another_one_overtook_changes_nothing(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    slow = dagster_account.load(instance, selection=[RAW_ANSWER])
    dagster_account.emulator.world.set_size(dagster_account.id, dagster_account.vip, 11)
    with dg.DagsterInstance.ephemeral() as elsewhere:
        assert dagster_account.load(elsewhere).success
    result = dagster_account.load(instance, selection=PUBLISH)
    assert slow.success
    assert step_failure(result)[1]["error"] == "Superseded"
    assert dagster_account.rows("select customers_count from analytics.segments order by 1") == [(3,), (11,)]


def test_anomalies_warn_and_stop_nothing(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    dagster_account.emulator.world.set_segment_extra(dagster_account.id, dagster_account.vip, "bonus_points_limit", 5)
    result = dagster_account.load(instance)
    assert result.success
    found = check_evaluations(result)["answers_are_as_documented"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    [odd] = table_rows(found.metadata["anomalies"].value)
    assert odd["kind"] == "unknown_key"


def test_the_last_segment_that_fits_warns(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    for number in range(97):
        dagster_account.emulator.world.add_segment(dagster_account.id, f"S{number}", size=1)
    assert check_evaluations(dagster_account.load(instance))["below_documented_limits"].passed
    dagster_account.emulator.world.add_segment(dagster_account.id, "The last one", size=1)
    found = check_evaluations(dagster_account.load(instance))["below_documented_limits"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "No more can be added in amoCRM: 100 of 100 segments."


@pytest.mark.parametrize(("days", "is_fine"), [(15, True), (13, False)])
def test_a_token_that_ends_soon_warns(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, days: int, is_fine: bool
) -> None:
    end = dagster_account.emulator.clock.now() + timedelta(days=days, hours=2)
    [account] = dagster_account.settings.accounts
    token = Secret(dagster_account.emulator.long_lived_token(dagster_account.id, end))
    account = type(account)(key=account.key, base_url=account.base_url, token=token)
    result = dagster_account.load(instance, accounts=(account,))
    assert result.success
    assert check_evaluations(result)["token_lasts"].passed is is_fine


def test_a_jump_of_a_size_warns(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    [account] = dagster_account.settings.accounts
    for day in range(30):
        dagster_account.emulator.world.set_size(dagster_account.id, dagster_account.vip, 1000 + day % 2)
        dagster_account.emulator.clock.advance(timedelta(days=1))
        load_account(
            LoadContext(dagster_account.engine, account, dagster_account.settings, clock=dagster_account.clock)
        )
    dagster_account.emulator.world.set_size(dagster_account.id, dagster_account.vip, 2000)
    dagster_account.emulator.clock.advance(timedelta(days=1))
    found = check_evaluations(dagster_account.load(instance))["sizes_are_usual"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    [jump] = table_rows(found.metadata["jumps"].value)
    assert (jump["segment or stage"], jump["before"], jump["now"]) == ("VIP", "1,001", "2,000")
