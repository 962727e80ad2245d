"""What became of calls whose answers were lost, told by the account as it is now. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Engine

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Snapshot
from pipelines.manage.rules import MODE_OF
from pipelines.manage.write_back import UncertainCall, note_done, read_not_new, read_uncertain
from pipelines.warehouse.engine import transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the account says of a call."""

    is_so: Literal["done", "not seen", "unclear"]
    added_ids: tuple[int, ...] = ()  # of a call that added things, where it is done
    new_ids: tuple[int, ...] = ()  # where that is unclear: of new things that may be what it added


NOT_SEEN = Verdict(is_so="not seen")


def judge(call: UncertainCall, live: Snapshot, not_new: Collection[tuple[Kind, int]]) -> Verdict:
    """Whether a call happened, by what ``live`` shows; ``not_new`` is what the call cannot have added.

    What was to be added is there if exactly one new thing has its name. New things under other names may be it too,
    should amoCRM have changed the name: that is unclear, and so is what a change came to.
    """
    kind, action = call.things[0].kind, call.things[0].action
    things = {thing.id: thing.name for thing in (live.stages if kind == "stage" else live.segments)}
    if live.account.mode != MODE_OF[kind] or action == "change":
        return Verdict(is_so="unclear")
    if action == "delete":
        return NOT_SEEN if call.things[0].thing_id in things else Verdict(is_so="done")
    new = {thing_id: name for thing_id, name in things.items() if (kind, thing_id) not in not_new}
    found = [[thing_id for thing_id, name in new.items() if name == wanted.name] for wanted in call.things]
    if all(len(ids) == 1 for ids in found) and len({ids[0] for ids in found}) == len(found):
        return Verdict(is_so="done", added_ids=tuple(ids[0] for ids in found))
    return Verdict(is_so="unclear", new_ids=tuple(sorted(new))) if new else NOT_SEEN


def settle(engine: Engine, account_key: str, live: Snapshot, *, at: datetime) -> dict[UUID, Verdict]:
    """Judge every call of which nobody knows, those of killed processes included, and note what turned out done."""
    account_id, verdicts = live.account.id, {}
    with transaction(engine, account=account_key) as connection:
        for call in read_uncertain(connection, account_id):
            verdict = judge(call, live, read_not_new(connection, account_id, call.intended_at))
            verdicts[call.call_id] = verdict
            if verdict.is_so == "done":
                note_done(connection, account_id, call.call_id, at=at, added_ids=verdict.added_ids)
    return verdicts
