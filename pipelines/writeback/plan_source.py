"""What is wanted of an account, as something that can be planned again whenever the account has changed."""

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
    """What is wanted, wherever that is written."""

    plan: Callable[[Snapshot, Successors], Plan]  # from the account as it is; raises ``PlanError``
    restored_from: datetime | None = None  # the snapshot that is restored


def to_desired_state(desired: DesiredConfig, *, account_key: str) -> DesiredState:
    """What a file or a command wants."""
    return DesiredState(plan=lambda live, _: make_plan(live, desired, account_key=account_key))


def past_to_desired_state(
    past: Snapshot,
    *,
    account_key: str,
    stage_ids: Collection[int] | None = None,
    segment_ids: Collection[int] | None = None,
) -> DesiredState:
    """That the account be as it was, or of it those things alone. Plans tell first what does not come back."""

    def plan(live: Snapshot, successors: Successors) -> Plan:
        restored = restore_desired(live, past, stage_ids=stage_ids, segment_ids=segment_ids, successors=successors)
        planned = make_plan(live, restored.desired, account_key=account_key)
        return replace(planned, notes=(*restored.warnings, *planned.notes))

    return DesiredState(plan=plan, restored_from=past.observed_at)
