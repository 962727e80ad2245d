"""What is new about the accounts of a run that loads, by the warehouse's own record. ``sensors`` tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from assets.on_their_way import LOAD_FLEET, PARTITION_TAG, is_load
from assets.resources import Workbench
from pipelines.buckets import Bucket
from pipelines.errors import WarehouseError
from pipelines.failing import Course
from pipelines.outcome import SKIPPED
from pipelines.warehouse.outcomes import courses_in_run


def courses_of(run: dg.DagsterRun, workbench: Workbench) -> list[Course]:
    """How each account's load went; none where the run loads nothing, or nothing can be known."""
    if not is_load(run) or PARTITION_TAG not in run.tags:
        return []
    try:
        return courses_in_run(workbench.engine, run.run_id, accounts_of(run, workbench))
    except WarehouseError:
        return []


def accounts_of(run: dg.DagsterRun, workbench: Workbench) -> Sequence[str]:
    """Keys of the accounts that a run is to load."""
    partition = run.tags[PARTITION_TAG]
    if run.job_name != LOAD_FLEET:
        return [partition]
    return [account.key for account in Bucket.of_key(partition).accounts(workbench.settings.all_accounts)]


def is_explained(errors: Iterable[str], courses: Sequence[Course]) -> bool:
    """Whether the warehouse knows of every error of a run. What it was not told of, such as a death, is always news."""
    return set(errors) - {SKIPPED} <= {course.error for course in courses}
