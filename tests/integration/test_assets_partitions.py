"""Runs without a partition, or for a partition that the settings no longer have: a sentence instead of a bug."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.names import LOAD_ACCOUNT, LOAD_FLEET
from assets.report import REPORT
from assets.resources import Warehouse
from assets.tick import QUIET_LOGGING
from pipelines.config.settings import load_settings

NO_PARTITION = "The run has no partition, or a range of them"
SETTINGS = {
    "AMOCRM_HOST": "example.amocrm.ru",
    "AMOCRM_TOKEN": "token",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}

RUNS = {
    "no account": (LOAD_ACCOUNT, None, None, NO_PARTITION),
    "no bucket": (LOAD_FLEET, None, None, NO_PARTITION),
    "report without an account": ("__ASSET_JOB", None, [REPORT], NO_PARTITION),
    "a removed account": (LOAD_ACCOUNT, "removed", None, "There is no account 'removed'."),
    "a bucket that is none": (LOAD_FLEET, "bucket 9 of 3", None, "There is no bucket 'bucket 9 of 3'."),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_cannot_know_what_to_load_says_so(name: str, tmp_path: Path) -> None:
    job, partition, selection, sentence = RUNS[name]
    with dg.DagsterInstance.ephemeral() as instance, ExitStack() as stack:
        instance.add_dynamic_partitions("accounts", ["removed"])
        instance.add_dynamic_partitions("fleet_buckets", ["bucket 9 of 3"])
        warehouse = Warehouse(lambda: load_settings(SETTINGS, tmp_path), stack)
        definition = build_definitions("0 * * * *", "UTC", warehouse).resolve_job_def(job)
        result = definition.execute_in_process(
            instance=instance,
            partition_key=partition,
            asset_selection=selection and [*selection],
            run_config=QUIET_LOGGING,
            raise_on_error=False,
        )
    [failure] = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert failure is not None
    assert (failure.description or "").startswith(sentence)
    assert failure.metadata["what_to_do"].value
