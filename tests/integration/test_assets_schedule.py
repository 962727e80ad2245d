"""The schedule and the failure alert on a Dagster home."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from assets.dagster_home import prepare_home
from assets.definitions import build_definitions
from assets.jobs import load_account_job
from assets.launcher import WatchedRunLauncher
from assets.names import LOAD_SCHEDULE
from assets.partitions import register_accounts
from assets.resources import Warehouse
from assets.sensors import notify_of_failed_loads
from assets.specs import RAW_ANSWER
from assets.tick import QUIET_LOGGING, run_tick
from emulator import effects
from emulator.faults import Effect
from faults.secrecy import places_of
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.receivers import build_receivers
from pipelines.config.settings import AccountSettings, Settings, UnusableAccount
from tests.dagster_account import KEY, DagsterAccount, skip_retry_waits
from tests.integration.test_webhook import Hook

PARTITION = "dagster/partition"
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("amocrm"), "__repository__"), load_account_job.name
)
TWO = (
    AccountSettings(key="acme", base_url="https://acme.amocrm.ru", token=Secret("one")),
    AccountSettings(key="beta", base_url="https://beta.amocrm.ru", token=Secret("two")),
)


def tick(instance: dg.DagsterInstance, settings: Settings) -> Any:
    """What the real schedule decides now."""
    with ExitStack() as until:
        bench = Warehouse(lambda: settings, until)
        definitions = build_definitions(settings.schedule_cron, settings.schedule_timezone, bench)
        with dg.build_schedule_context(
            instance,
            scheduled_execution_time=SYSTEM_CLOCK.now(),
            resources={"workbench": bench},
            repository_def=definitions.get_repository_def(),
        ) as context:
            return definitions.resolve_schedule_def(LOAD_SCHEDULE).evaluate_tick(context)


def run_of(instance: dg.DagsterInstance, key: str, status: dg.DagsterRunStatus, **what: Any) -> dg.DagsterRun:
    """A run that loads an account, or waits to."""
    plain: dict[str, Any] = {"job_name": load_account_job.name, "tags": {PARTITION: key}, "remote_job_origin": ORIGIN}
    run: dg.DagsterRun = create_run_for_test(instance, status=status, **plain | what)
    return run


def test_without_accounts_a_tick_says_what_to_set(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    decided = tick(instance, Settings(data_dir=tmp_path))
    assert decided.run_requests == []
    assert "AMOCRM_HOST" in decided.skip_message


def test_a_tick_registers_the_accounts_and_asks_for_a_run_each(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    decided = tick(instance, Settings(data_dir=tmp_path, accounts=TWO))
    assert [(one.partition_key, one.run_key) for one in decided.run_requests] == [("acme", "acme"), ("beta", "beta")]
    assert set(instance.get_dynamic_partitions("accounts")) == {"acme", "beta"}


@pytest.mark.parametrize("status", NOT_FINISHED_STATUSES)
def test_an_account_whose_load_is_on_its_way_is_left_alone(
    instance: dg.DagsterInstance, tmp_path: Path, status: dg.DagsterRunStatus
) -> None:
    run = run_of(instance, "acme", status)
    decided = tick(instance, Settings(data_dir=tmp_path, accounts=TWO))
    assert [one.partition_key for one in decided.run_requests] == ["beta"]
    decision = tick(instance, Settings(data_dir=tmp_path, accounts=TWO[:1]))
    assert decision.run_requests == []
    assert decision.skip_message.startswith(f"Account 'acme' is skipped: run {run.run_id} is ")


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
)
def test_a_finished_load_delays_no_other(
    instance: dg.DagsterInstance, tmp_path: Path, status: dg.DagsterRunStatus
) -> None:
    run_of(instance, "acme", status)
    assert len(tick(instance, Settings(data_dir=tmp_path, accounts=TWO)).run_requests) == 2


def test_loads_started_by_hand_count_and_runs_of_other_things_do_not(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    started = dg.DagsterRunStatus.STARTED
    run_of(instance, "acme", started, job_name="__ASSET_JOB", asset_selection=frozenset({RAW_ANSWER}))
    run_of(instance, "beta", started, job_name="somebody_elses")
    run_of(instance, "beta", started, job_name="__ASSET_JOB", asset_selection=frozenset({dg.AssetKey("other")}))
    decided = tick(instance, Settings(data_dir=tmp_path, accounts=TWO))
    assert [one.partition_key for one in decided.run_requests] == ["beta"]


def test_unreadable_settings_fail_the_tick_and_are_reported(instance: dg.DagsterInstance) -> None:
    def broken() -> Settings:
        raise SettingsError("AMOCRM_TOKEN is missing.")

    with ExitStack() as until, Hook(200).running() as hook:
        bench = Warehouse(broken, until, read_receivers=lambda: build_receivers(hook.url, ()))
        definitions = build_definitions("0 * * * *", "UTC", bench)
        with (
            dg.build_schedule_context(instance, resources={"workbench": bench}) as context,
            pytest.raises(dg.DagsterError) as caught,
        ):
            definitions.resolve_schedule_def(LOAD_SCHEDULE).evaluate_tick(context)
    assert "AMOCRM_TOKEN is missing" in str(caught.value.__cause__)
    [(_, told, _)] = hook.received
    assert (told["account"], told["error"], told["run_id"]) == ("*", "SettingsError", None)
    assert told["text"] == (
        "amoCRM load of every account failed: AMOCRM_TOKEN is missing.\n"
        "What to do: Correct it in .env or accounts.toml, then run './run doctor'."
    )


def test_partitions_of_removed_accounts_stay(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert register_accounts(instance, Settings(data_dir=tmp_path, accounts=TWO)) == ["acme", "beta"]
    assert register_accounts(instance, Settings(data_dir=tmp_path, accounts=TWO[:1])) == ["acme"]
    assert set(instance.get_dynamic_partitions("accounts")) == {"acme", "beta"}


def test_a_tick_loads_as_the_daemon_would(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    [result] = run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    assert result.success
    [run] = instance.get_runs()
    assert (run.job_name, run.status) == (load_account_job.name, dg.DagsterRunStatus.SUCCESS)
    assert run.tags[PARTITION] == KEY
    assert run.tags["dagster/schedule_name"] == LOAD_SCHEDULE
    assert dagster_account.rows("select run_id, observed_at from amocrm.snapshot") == [
        (run.run_id, dagster_account.clock.now())
    ]


def test_a_tick_while_a_load_is_on_its_way_loads_nothing(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    run_of(instance, KEY, dg.DagsterRunStatus.STARTED)
    assert run_tick(instance, dagster_account.settings, clock=dagster_account.clock) == []
    assert dagster_account.emulator.requests == []


@pytest.mark.parametrize(
    "effect",
    [
        effects.error(401, "canary"),
        effects.html(403),
        effects.html(200),
        effects.looping_next(),
        effects.redirect("https://elsewhere.example.com/"),
        effects.reset(),
    ],
)
def test_no_secret_is_kept_whatever_goes_wrong(
    dagster_account: DagsterAccount,
    instance: dg.DagsterInstance,
    dagster_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    effect: Effect,
) -> None:
    skip_retry_waits(monkeypatch)
    address = dagster_account.settings.database_url
    assert address
    with dagster_account.emulator.faults.during(effect, resource="segments"):
        run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    assert places_of(dagster_home, KEY), "what is kept would be found"
    assert not places_of(dagster_home, dagster_account.token, urlsplit(address.reveal()).password or "")


def test_an_address_of_the_database_that_is_wrong_is_not_kept(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_retry_waits(monkeypatch)
    wrong = Secret("postgresql://warehouse:canary-password@127.0.0.1:1/none?sslmode=canary-mode")
    [result] = run_tick(instance, replace(dagster_account.settings, database_url=wrong), clock=dagster_account.clock)
    assert not result.success
    assert not places_of(dagster_home, "canary-password")


def run_failure_sensor(instance: dg.DagsterInstance, settings: Settings, result: dg.ExecuteInProcessResult) -> Any:
    """What the sensor does about a run that failed."""
    [failed] = [event for event in result.all_events if event.is_job_failure]
    with ExitStack() as until:
        context = dg.build_run_status_sensor_context(
            sensor_name="tell_of_failed_loads",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=failed,
            resources={"workbench": Warehouse(lambda: settings, until)},
        ).for_run_failure()
        return notify_of_failed_loads(context)


def test_a_failed_load_is_reported(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    with dagster_account.emulator.faults.during(effects.error(401)):
        [result] = run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    with Hook(200).running() as hook:
        settings = replace(
            dagster_account.settings, alert_webhook_url=hook.url, dagster_url="https://dagster.example.com"
        )
        assert run_failure_sensor(instance, settings, result) is None
    [(_, told, _)] = hook.received
    assert (told["account"], told["error"], told["run_id"]) == (KEY, "Unauthorized", result.run_id)
    assert "401" in (told["what_happened"] or "")
    assert "AMOCRM_TOKEN" in (told["what_to_do"] or "")
    assert told["link"] == f"https://dagster.example.com/runs/{result.run_id}"


def test_an_account_that_is_written_wrongly_has_a_run_of_its_own_that_fails(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    wrong = UnusableAccount(key="late", problems="accounts.toml: the variable LATE is not set.")
    results = run_tick(instance, replace(dagster_account.settings, unusable=(wrong,)), clock=dagster_account.clock)
    assert {result.dagster_run.tags[PARTITION]: result.success for result in results} == {KEY: True, "late": False}
    assert dagster_account.rows("select account_key, error, message, run_id from amocrm.load_failure") == [
        ("late", "SettingsError", str(wrong.error), next(one.run_id for one in results if not one.success))
    ]


def test_internal_errors_are_reported_without_their_message(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("assets.raw.extract_load", mistaken)
    [result] = run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    with Hook(200).running() as hook:
        run_failure_sensor(instance, replace(dagster_account.settings, alert_webhook_url=hook.url), result)
    [(_, told, _)] = hook.received
    assert (told["error"], told["link"]) == ("ZeroDivisionError", None)
    assert "canary" not in str(told)


@pytest.mark.parametrize("given", [{}, {"account": KEY}])
def test_a_failed_change_is_reported_with_its_account(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance, given: dict[str, str]
) -> None:
    with ExitStack() as until:
        job = build_definitions("0 * * * *", "UTC", Warehouse(lambda: dagster_account.settings, until)).resolve_job_def(
            "manage_account"
        )
        config = {"ops": {"make_as_wanted": {"config": {"text": "version: 2", **given}}}}
        result = job.execute_in_process(instance=instance, run_config=QUIET_LOGGING | config, raise_on_error=False)
    settings = dagster_account.settings if not given else replace(dagster_account.settings, accounts=TWO)
    with Hook(200).running() as hook:
        run_failure_sensor(instance, replace(settings, alert_webhook_url=hook.url), result)
    [(_, told, _)] = hook.received
    assert told["account"] == KEY
    assert (told["text"] or "").startswith(f"amoCRM change of '{KEY}' failed: ")


def test_no_alert_is_sent_without_a_webhook(dagster_account: DagsterAccount, instance: dg.DagsterInstance) -> None:
    with dagster_account.emulator.faults.during(effects.error(401)):
        [result] = run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    skipped = run_failure_sensor(instance, dagster_account.settings, result)
    assert "nor AMOCRM_ALERT_URLS is set" in skipped.skip_message


def test_a_webhook_that_is_gone_is_no_error_of_the_sensor(
    dagster_account: DagsterAccount, instance: dg.DagsterInstance
) -> None:
    with dagster_account.emulator.faults.during(effects.error(401)):
        [result] = run_tick(instance, dagster_account.settings, clock=dagster_account.clock)
    with Hook(410).running() as hook:
        skipped = run_failure_sensor(instance, replace(dagster_account.settings, alert_webhook_url=hook.url), result)
    assert "answered 410" in skipped.skip_message
    assert len(hook.received) == 1


def test_a_run_without_its_code_server_counts_as_dead(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    gone = f'{{"host": "localhost", "socket": "{tmp_path / "socket"}"}}'
    run = run_of(instance, "acme", dg.DagsterRunStatus.STARTED, tags={PARTITION: "acme", GRPC_INFO_TAG: gone})
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND
    elsewhere = run_of(instance, "acme", dg.DagsterRunStatus.STARTED)
    assert launcher.check_run_worker_health(elsewhere).status is WorkerStatus.RUNNING


def test_the_home_keeps_what_its_user_changed(dagster_home: Path) -> None:
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    assert prepare_home(dagster_home) == dagster_home
    assert (dagster_home / "dagster.yaml").read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"


def test_the_home_s_configuration_means_what_it_says(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert instance.run_monitoring_enabled
    assert instance.freshness_enabled
    assert instance.run_monitoring_max_runtime_seconds < 3600
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.tag_concurrency_limits == [{"key": PARTITION, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}]
