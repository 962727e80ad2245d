"""Making an account as it is wanted: a plan's calls sent one after the other, each recorded, with a load around them.

After a lost answer no call is sent again blindly: the account is read, and the plan made again from what is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.records import Snapshot
from pipelines.ask import open_client
from pipelines.errors import ApiError, PlanError, UncertainWrite, WarehouseError
from pipelines.load import Loaded
from pipelines.manage.calls import Call, Change, Plan
from pipelines.manage.live import Access, load, plan_from
from pipelines.manage.settle import Verdict, settle
from pipelines.manage.wishes import Wish
from pipelines.manage.write_back import (
    Errand,
    Outcome,
    complete,
    note_done,
    only_apply,
    write_down,
)
from pipelines.warehouse.engine import transaction

MOST_LOST: Final = 3
"""Lost answers after which an apply gives up: the network, or amoCRM, is in no state to be written to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A call that was made, and what became of it."""

    call: Call
    call_id: UUID
    outcome: Outcome
    added_ids: tuple[int, ...] = ()  # in the order of the call's changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """How far an apply came. With an ``error`` it stopped, or amoCRM made something else of what it was sent."""

    made: tuple[Made, ...]
    left: tuple[Call, ...]  # not made
    loaded: Loaded | None  # the load after the last call
    error: WarehouseError | None


def apply(access: Access, wish: Wish, confirmed: Plan, *, who: str, reason: str | None = None) -> Applied:
    """Make the calls of the plan that was shown and confirmed.

    Raises, with nothing sent, where the account has changed since then (``PlanError``), where another apply is at work
    (``DatabaseError``), and where the account cannot be loaded. From the first call on, what fails is in the result.
    """
    errand = Errand(
        apply_id=uuid4(),
        account_id=confirmed.account.id,
        account_key=access.account.key,
        who=who,
        reason=reason,
        source=confirmed.source,
        restored_from=wish.restored_from,
    )
    work = _Work(access, wish, confirmed, errand)
    with only_apply(access.engine, errand.account_id, errand.account_key):
        calls = work.begin()
        with open_client(access.account, access.settings, access.clock) as client:
            work.make_all(client, calls)
        work.finish()
    return work.result()


class _Work:
    """One apply: what it has made so far, and what is left."""

    def __init__(self, access: Access, wish: Wish, confirmed: Plan, errand: Errand) -> None:
        self._access = access
        self._wish = wish
        self._confirmed = confirmed
        self._errand = errand
        self._made: list[Made] = []
        self._left: deque[Call] = deque()
        self._lost_count = 0
        self._loaded: Loaded | None = None
        self._error: WarehouseError | None = None

    def result(self) -> Applied:
        """How far it came."""
        return Applied(made=tuple(self._made), left=tuple(self._left), loaded=self._loaded, error=self._error)

    def begin(self) -> Sequence[Call]:
        """Load the account, and see that the calls that were confirmed are still those to make."""
        _, live = load(self._access)
        calls = plan_from(self._access, self._wish, live).calls
        if calls != self._confirmed.calls:
            raise self._changed_meanwhile("Nothing was sent. Plan again, and see what is to be done now.")
        return calls

    def make_all(self, client: AmoClient, calls: Sequence[Call]) -> None:
        """Make the calls in their order, until one fails."""
        self._left = deque(calls)
        try:
            while self._left:
                call = self._left.popleft()
                try:
                    self._make(client, call)
                except UncertainWrite as lost:
                    self._left = deque(self._after(lost))
        except WarehouseError as error:
            self._error = error

    def finish(self) -> None:
        """Load what was changed, so that the history shows it, and see that it is as it was wanted."""
        if not self._made:
            return
        try:
            self._loaded, live = load(self._access)
            self._settle(live)
            rest = plan_from(self._access, self._wish, live)
        except WarehouseError as error:
            self._error = self._error or error
            return
        if rest.calls and self._error is None:
            self._error = WarehouseError(
                f"All calls were made, and yet {len(rest.calls)} more would be needed.",
                account=self._errand.account_key,
                advice="Plan again: amoCRM made something else of a value, or somebody changed it meanwhile.",
            )

    def _make(self, client: AmoClient, call: Call) -> None:
        engine, errand, now = self._access.engine, self._errand, self._access.clock.now
        call_id = write_down(engine, errand, call, position=len(self._made), at=now())
        try:
            written = client.writes.call(call.method, call.resource, call.thing_id, call.body)
        except ApiError as error:
            outcome: Outcome = "refused" if error.attempt else "not_sent"
            outcome = "uncertain" if isinstance(error, UncertainWrite) else outcome
            self._made.append(Made(call=call, call_id=call_id, outcome=outcome))
            error.account = error.account or errand.account_key
            complete(engine, errand, call_id, outcome, at=now(), attempt=error.attempt, error=str(error))
            raise
        added_ids = written.ids if call.method == "POST" else ()
        self._made.append(Made(call=call, call_id=call_id, outcome="done", added_ids=added_ids))
        complete(engine, errand, call_id, "done", at=now(), attempt=written.attempt, added_ids=added_ids)

    def _after(self, lost: UncertainWrite) -> Sequence[Call]:
        """The calls that are left after one whose answer was lost, by the account as it is now."""
        self._lost_count += 1
        if self._lost_count > MOST_LOST:
            raise lost
        try:
            _, live = load(self._access)
        except WarehouseError:
            raise lost from None
        made = self._made[-1]
        verdict = self._settle(live)[made.call_id]
        if verdict.new_ids:
            raise self._maybe_renamed(lost, verdict.new_ids)
        plan = plan_from(self._access, self._wish, live)
        if made.call.method == "PATCH" and made.call.thing_id not in {change.thing_id for change in plan.changes}:
            self._note_done(made.call_id)
        if not all(_is_part_of(change, self._confirmed.changes) for change in plan.changes):
            raise self._changed_meanwhile("Plan again, and see what is left to do.")
        return plan.calls

    def _settle(self, live: Snapshot) -> dict[UUID, Verdict]:
        """Find out what became of calls whose answers were lost."""
        engine, now = self._access.engine, self._access.clock.now
        verdicts = settle(engine, self._errand.account_key, live, at=now())
        self._made = [_known(made, verdicts.get(made.call_id)) for made in self._made]
        return verdicts

    def _note_done(self, call_id: UUID) -> None:
        """Note that a change turned out to have happened, since it is not wanted any more."""
        with transaction(self._access.engine, account=self._errand.account_key) as connection:
            note_done(connection, self._errand.account_id, call_id, at=self._access.clock.now(), added_ids=())
        self._made[-1] = replace(self._made[-1], outcome="done")

    def _maybe_renamed(self, lost: UncertainWrite, new_ids: Sequence[int]) -> UncertainWrite:
        ids = " and ".join(f"id {new_id}" for new_id in new_ids)
        return UncertainWrite(
            f"{lost.message} What was to be added is not there under its name, but {ids} came up meanwhile.",
            account=lost.account,
            advice="Look at that in amoCRM: if it is what was meant, give it its name; then plan again.",
            request=lost.request,
            status=lost.status,
            request_id=lost.request_id,
        )

    def _changed_meanwhile(self, advice: str) -> PlanError:
        return PlanError(
            ["the account was changed meanwhile, so that other calls are needed than those that were confirmed."],
            source=self._errand.source,
            account=self._errand.account_key,
            advice=advice,
        )


def _known(made: Made, verdict: Verdict | None) -> Made:
    """The call with what is known of it by now."""
    if verdict is None or verdict.is_so != "done":
        return made
    return replace(made, outcome="done", added_ids=verdict.added_ids)


def _is_part_of(change: Change, confirmed: Iterable[Change]) -> bool:
    """Whether a change, or more than it, was confirmed."""
    return any(_identity(change) == _identity(other) and _edits(change) <= _edits(other) for other in confirmed)


def _identity(change: Change) -> tuple[object, ...]:
    name = change.name if change.action == "add" else None
    return (change.kind, change.action, change.thing_id, name, change.replaces)


def _edits(change: Change) -> set[tuple[str, int | None, str | None]]:
    return {(edit.property, edit.field_id, edit.new) for edit in change.edits}
