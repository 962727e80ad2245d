"""Desired state of an account that can be planned again after the account has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.amocrm.models import Snapshot
from pipelines.writeback.calls import Plan
from pipelines.writeback.desired import DesiredConfig
from pipelines.writeback.plan import make_plan
from pipelines.writeback.restore import restore_desired
from pipelines.writeback.successors import Successors


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredState:
    """Desired state from a file, a command or the past."""

    plan: Callable[[Snapshot, Successors], Plan]  # from the account's current state; raises ``PlanError``
    restored_from: datetime | None = None  # time of the restored snapshot


def to_desired_state(desired: DesiredConfig, *, account_key: str) -> DesiredState:
    """Convert the desired state of a file or a command."""
    return DesiredState(plan=lambda live, _: make_plan(live, desired, account_key=account_key))


def past_to_desired_state(
    past: Snapshot,
    *,
    account_key: str,
    stage_ids: Collection[int] | None = None,
    segment_ids: Collection[int] | None = None,
) -> DesiredState:
    """Build the desired state "as in the past", for all or only the given entities.

    Notes of its plans start with warnings about what cannot be restored.
    """

    def plan(live: Snapshot, successors: Successors) -> Plan:
        restored = restore_desired(live, past, stage_ids=stage_ids, segment_ids=segment_ids, successors=successors)
        planned = make_plan(live, restored.desired, account_key=account_key)
        return replace(planned, notes=(*restored.warnings, *planned.notes))

    return DesiredState(plan=plan, restored_from=past.observed_at)
