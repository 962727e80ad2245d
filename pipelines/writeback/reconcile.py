"""What became of calls whose answers were lost, told by the account as it is now. Nothing is sent here."""

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
    """What the account says of a call."""

    status: Literal["done", "not seen", "unclear"]
    added_ids: tuple[int, ...] = ()  # of a call that added things, where it is done
    new_ids: tuple[int, ...] = ()  # where that is unclear: of new things that may be what it added


NOT_SEEN = CallFate(status="not seen")


def judge_call(call: UncertainCall, live: Snapshot, preexisting: Collection[tuple[EntityKind, int]]) -> CallFate:
    """Whether a call happened, by what ``live`` shows; ``not_new`` is what the call cannot have added.

    What was to be added is there if exactly one new thing has its name. New things under other names may be it too,
    should amoCRM have changed the name: that is unclear, and so is what a change came to.
    """
    kind, action = call.entities[0].kind, call.entities[0].action
    live_names = {thing.id: thing.name for thing in (live.stages if kind == "stage" else live.segments)}
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
    """Judge every call of which nobody knows, those of killed processes included, and note what turned out done."""
    account_id, fates = live.account.id, {}
    with transaction(engine, account=account_key) as connection:
        for call in read_uncertain(connection, account_id):
            fate = judge_call(call, live, read_preexisting(connection, account_id, call.intended_at))
            fates[call.call_id] = fate
            if fate.status == "done":
                record_done(connection, account_id, call.call_id, at=at, added_ids=fate.added_ids)
    return fates
