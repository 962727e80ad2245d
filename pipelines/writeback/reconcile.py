"""Determine the outcomes of calls with lost responses from the account's current state."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Engine

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Snapshot
from pipelines.warehouse.engine import transaction
from pipelines.writeback.journal import UncertainCall, read_preexisting, read_uncertain, record_done
from pipelines.writeback.validation import MODE_BY_KIND


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFate:
    """Outcome of a call according to the account's current state."""

    status: Literal["done", "not seen", "unclear"]
    added_ids: tuple[int, ...] = ()  # added entities, if done
    new_ids: tuple[int, ...] = ()  # new entities that the call may have added, if unclear


NOT_SEEN = CallFate(status="not seen")


def judge_call(call: UncertainCall, live: Snapshot, preexisting: Collection[tuple[EntityKind, int]]) -> CallFate:
    """Decide from ``live`` if a call was carried out.

    It cannot have added entities in ``preexisting``.

    An addition is done if exactly one new entity has its name. If there are new entities with other
    names, the outcome is unclear, since amoCRM may have changed the name. The outcome of a change
    is always unclear.
    """
    kind, action = call.entities[0].kind, call.entities[0].action
    live_names = {entity.id: entity.name for entity in (live.stages if kind == "stage" else live.segments)}
    if live.account.mode != MODE_BY_KIND[kind] or action == "change":
        return CallFate(status="unclear")
    if action == "delete":
        return NOT_SEEN if call.entities[0].thing_id in live_names else CallFate(status="done")
    new = {thing_id: name for thing_id, name in live_names.items() if (kind, thing_id) not in preexisting}
    matching_ids = [[thing_id for thing_id, name in new.items() if name == expected.name] for expected in call.entities]
    if all(len(ids) == 1 for ids in matching_ids) and len({ids[0] for ids in matching_ids}) == len(matching_ids):
        return CallFate(status="done", added_ids=tuple(ids[0] for ids in matching_ids))
    return CallFate(status="unclear", new_ids=tuple(sorted(new))) if new else NOT_SEEN


def reconcile_calls(engine: Engine, account_key: str, live: Snapshot, *, at: datetime) -> dict[UUID, CallFate]:
    """Judge all calls with unknown outcome, including those of killed processes, and record those that were done."""
    account_id, fates = live.account.id, {}
    with transaction(engine, account=account_key) as connection:
        # The latest first: of two attempts to add an entity, a load after the earlier one has not shown it.
        for call in reversed(read_uncertain(connection, account_id)):
            fate = judge_call(call, live, read_preexisting(connection, account_id, call.intended_at))
            fates[call.call_id] = fate
            if fate.status == "done":
                record_done(connection, account_id, call.call_id, at=at, added_ids=fate.added_ids)
    return fates
