"""A fleet in Dagster: buckets, few events per run, and a list of failed accounts."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from sqlalchemy import Engine, text

from assets.definitions import build_definitions
from assets.fleet import FLEET, register_buckets
from assets.names import LOAD_FLEET, LOAD_SCHEDULE, PARTITION_TAG
from assets.resources import Warehouse
from assets.specs import SNAPSHOT
from assets.tick import QUIET_LOGGING, run_tick
from emulator import Emulator, effects
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.settings import Settings, UnusableAccount
from pipelines.load.buckets import Bucket, all_buckets, is_fleet
from tests.accounts import IMPATIENT_CLOCK, account_settings
from tests.dagster_account import step_failure, table_rows
from tests.integration.test_assets_schedule import run_failure_sensor, run_of
from tests.integration.test_webhook import Hook

KEYS = tuple(f"account-{number:02}" for number in range(12))


@pytest.fixture
def emulator(live_emulator: Emulator) -> Emulator:
    for key in KEYS:
        live_emulator.world.add_segment(live_emulator.world.add_account(key), "VIP", size=10)
    return live_emulator


@pytest.fixture
def settings(emulator: Emulator, postgres_url: str, tmp_path: Path) -> Settings:
    return Settings(
        accounts=tuple(
            account_settings(emulator, account_id, key)
            for key, account_id in zip(KEYS, emulator.world.accounts, strict=True)
        ),
        data_dir=tmp_path,
        database_url=Secret(postgres_url),
        fleet_buckets=3,
    )


def materializations(result: dg.ExecuteInProcessResult) -> list[tuple[dg.AssetKey, str | None, dict[str, Any]]]:
    return [
        (one.asset_key, one.partition, {name: value.value for name, value in one.metadata.items()})
        for event in result.all_events
        if event.is_step_materialization
        for one in [event.materialization]
    ]


def id_of(emulator: Emulator, key: str) -> int:
    return next(one.id for one in emulator.world.accounts.values() if one.name == key)


def test_every_account_is_in_one_bucket_and_stays_there(settings: Settings) -> None:
    found = [account.key for bucket in all_buckets(3) for account in bucket.accounts(settings.accounts)]
    assert sorted(found) == list(KEYS)
    assert [Bucket.from_key(bucket.key) for bucket in all_buckets(16)] == all_buckets(16)
    assert [account.key for account in all_buckets(3)[0].accounts(settings.accounts)] == [
        "account-01",
        "account-05",
        "account-07",
    ]
    thousand = [replace(settings.accounts[0], key=f"{number}") for number in range(1000)]
    assert all(100 < len(bucket.accounts(thousand)) < 150 for bucket in all_buckets(8))


@pytest.mark.parametrize("key", ["bucket 0 of 3", "bucket 04 of 03", "bucket 00 of 03", "account-01"])
def test_no_bucket_has_another_name(key: str) -> None:
    with pytest.raises(SettingsError):
        Bucket.from_key(key)


def test_many_accounts_are_loaded_in_buckets(
    settings: Settings, instance: dg.DagsterInstance, engine: Engine, emulator: Emulator
) -> None:
    results = run_tick(instance, settings, clock=IMPATIENT_CLOCK)
    assert [result.success for result in results] == [True] * 3
    told = [one for result in results for one in materializations(result)]
    assert [(key, partition) for key, partition, _ in told] == [
        pair for bucket in all_buckets(3) for pair in ((FLEET.key, bucket.key), (SNAPSHOT, None))
    ]
    assert sum(metadata["loaded"] for key, _, metadata in told if key == FLEET.key) == len(KEYS)
    with engine.connect() as connection:
        found = connection.execute(text("select count(*), count(distinct run_id) from amocrm.snapshot")).one()
    assert tuple(found) == (12, 3)


def test_few_accounts_are_no_fleet(settings: Settings) -> None:
    assert is_fleet(settings)
    assert not is_fleet(replace(settings, accounts=settings.accounts[:3]))


def test_a_run_s_end_names_who_was_not_loaded_and_all_others_are(
    settings: Settings, instance: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    mine = [account.key for account in all_buckets(3)[1].accounts(settings.accounts)]
    emulator.faults.add(effects.error(401), account_id=id_of(emulator, mine[0]))
    emulator.faults.add(effects.error(404), account_id=id_of(emulator, mine[1]))
    emulator.faults.add(effects.status(503), account_id=id_of(emulator, mine[2]), times=6)
    results = {
        result.dagster_run.tags[PARTITION_TAG]: result for result in run_tick(instance, settings, clock=IMPATIENT_CLOCK)
    }
    assert [key for key, result in results.items() if not result.success] == ["bucket 02 of 03"]
    failed = results["bucket 02 of 03"]
    message, facts, is_retried = step_failure(failed)
    assert message
    assert message.startswith(f"2 of {len(mine)} accounts were not loaded. ")
    assert f"{mine[0]}: Unauthorized, " in message
    assert f"{mine[1]}: NotFound, " in message
    assert not is_retried
    assert "AMOCRM_TOKEN" in facts["what_to_do"]
    [(_, _, metadata), _] = materializations(failed)
    assert (metadata["loaded"], metadata["failed"]) == (len(mine) - 2, 2)
    assert {(row["account"], row["error"]) for row in table_rows(metadata["not_loaded"])} == {
        (mine[0], "Unauthorized"),
        (mine[1], "NotFound"),
    }
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from amocrm.snapshot")) == len(KEYS) - 2
    with Hook(200).running() as hook:
        run_failure_sensor(instance, replace(settings, alert_webhook_url=hook.url), failed)
    [(_, alert, _)] = hook.received
    assert (alert["account"], alert["error"]) == ("bucket 02 of 03", "Unauthorized, NotFound")
    news = f"Started failing: {mine[0]}, {mine[1]}."
    assert f"load of 'bucket 02 of 03' failed: {news} 2 of " in str(alert["text"])


def test_an_account_that_is_written_wrongly_is_in_its_bucket(
    settings: Settings, instance: dg.DagsterInstance, engine: Engine
) -> None:
    first, *others = settings.accounts
    wrong = UnusableAccount(key=first.key, problems="accounts.toml: the variable FIRST is not set.")
    settings = replace(settings, accounts=tuple(others), unusable=(wrong,))
    [failed] = [result for result in run_tick(instance, settings, clock=IMPATIENT_CLOCK) if not result.success]
    [(_, _, metadata), _] = materializations(failed)
    [row] = table_rows(metadata["not_loaded"])
    assert (row["account"], row["error"], row["what happened"]) == (first.key, "SettingsError", wrong.problems)
    assert "./run doctor" in row["what to do"]
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from amocrm.snapshot")) == len(others)


def test_a_run_that_is_executed_again_loads_only_what_is_left(
    settings: Settings, instance: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    mine = [account.key for account in all_buckets(3)[0].accounts(settings.accounts)]
    fault = emulator.faults.add(effects.error(401), account_id=id_of(emulator, mine[0]))
    first = next(result for result in run_tick(instance, settings, clock=IMPATIENT_CLOCK) if not result.success)
    emulator.faults.remove(fault)
    with ExitStack() as until:
        bench = Warehouse(lambda: settings, until, IMPATIENT_CLOCK)
        again = (
            build_definitions("0 * * * *", "UTC", bench, is_fleet=True)
            .resolve_job_def(LOAD_FLEET)
            .execute_in_process(
                instance=instance,
                partition_key="bucket 01 of 03",
                tags={PARENT_RUN_ID_TAG: first.run_id, ROOT_RUN_ID_TAG: first.run_id},
                run_config=QUIET_LOGGING,
            )
        )
    with engine.connect() as connection:
        query = text(
            "select account_key from amocrm.snapshot join amocrm.account using (account_id) where run_id = :id"
        )
        assert list(connection.scalars(query, {"id": again.run_id})) == mine[:1]
    [(_, _, metadata), _] = materializations(again)
    assert metadata["loaded"] == 1


def test_who_is_being_loaded_alone_is_left_alone(
    settings: Settings, instance: dg.DagsterInstance, engine: Engine
) -> None:
    run_of(instance, KEYS[0], dg.DagsterRunStatus.STARTED)
    run_tick(instance, settings, clock=IMPATIENT_CLOCK)
    with engine.connect() as connection:
        loaded = set(connection.scalars(text("select account_key from amocrm.account")))
    assert loaded == set(KEYS[1:])


def test_a_bucket_on_its_way_is_left_alone(settings: Settings, instance: dg.DagsterInstance) -> None:
    run_of(instance, "bucket 02 of 03", dg.DagsterRunStatus.STARTED, job_name=LOAD_FLEET)
    results = run_tick(instance, settings, clock=IMPATIENT_CLOCK)
    assert [result.dagster_run.tags[PARTITION_TAG] for result in results] == ["bucket 01 of 03", "bucket 03 of 03"]


def test_buckets_of_another_number_are_forgotten(instance: dg.DagsterInstance) -> None:
    register_buckets(instance, 3)
    assert register_buckets(instance, 2) == ["bucket 01 of 02", "bucket 02 of 02"]
    assert set(instance.get_dynamic_partitions("fleet_buckets")) == {"bucket 01 of 02", "bucket 02 of 02"}


@pytest.mark.parametrize("is_many", [False, True])
def test_fresh_is_expected_of_what_runs_have_events_for(is_many: bool) -> None:
    definitions = build_definitions("0 * * * *", "UTC", is_fleet=is_many)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    expected = {key for key, spec in specs.items() if spec.freshness_policy}
    assert SNAPSHOT in expected
    assert (FLEET.key in expected) == is_many
    assert (dg.AssetKey(["analytics", "segments"]) in expected) == (not is_many)
    schedule = definitions.resolve_schedule_def(LOAD_SCHEDULE)
    assert schedule.job_name == (LOAD_FLEET if is_many else "load_account")
