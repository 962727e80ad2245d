"""Apply a plan: send its calls one by one, record each, and load the account before and after.

After a lost response, the account is loaded and planned again, so that no call is repeated blindly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.models import Snapshot
from pipelines.base.errors import ApiError, PlanError, UncertainWrite, WarehouseError
from pipelines.load.context import LoadContext
from pipelines.load.fetch import open_client
from pipelines.load.load import PublishedLoad, with_retry
from pipelines.warehouse.engine import transaction
from pipelines.writeback.calls import Call, Plan, PlannedChange
from pipelines.writeback.journal import (
    ApplyRecord,
    CallOutcome,
    apply_lock,
    record_call,
    record_done,
    record_outcome,
)
from pipelines.writeback.live_account import load_live_account, plan_from_live
from pipelines.writeback.plan_source import DesiredState
from pipelines.writeback.reconcile import CallFate, reconcile_calls

MAX_LOST_RESPONSES: Final = 3
"""Lost responses after which an apply stops: the network or amoCRM is too unreliable for writes."""


_SUCCESSES: Final = range(200, 300)
"""HTTP statuses of success."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedCall:
    """A call that was sent, with its outcome."""

    call: Call
    call_id: UUID
    outcome: CallOutcome
    added_ids: tuple[int, ...] = ()  # in the order of the call's changes


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyResult:
    """Result of an apply. If ``error`` is set, it stopped early, or amoCRM stored other values than were sent."""

    applied_calls: tuple[AppliedCall, ...]
    remaining_calls: tuple[Call, ...]  # not sent
    load: PublishedLoad | None  # the load after the last call
    error: WarehouseError | None


def apply(
    context: LoadContext, desired_state: DesiredState, confirmed: Plan, *, who: str, reason: str | None = None
) -> ApplyResult:
    """Send the calls of the confirmed plan.

    Before the first call, raises ``PlanError`` if the account has changed since the plan,
    ``DatabaseError`` if another apply is running, and the load's error if the account cannot be
    loaded. Later errors are in the result.
    """
    apply_record = ApplyRecord(
        apply_id=uuid4(),
        account_id=confirmed.account.id,
        account_key=context.account_key,
        who=who,
        reason=reason,
        source=confirmed.source,
        restored_from=desired_state.restored_from,
    )
    apply_run = _ApplyRun(context, desired_state, confirmed, apply_record)
    with apply_lock(context.engine, apply_record.account_id, apply_record.account_key):
        calls = apply_run.start()
        with open_client(context) as client:
            apply_run.send_all(client, calls)
        apply_run.finish()
    return apply_run.result()


class _ApplyRun:
    """State of one apply: calls sent and calls left."""

    def __init__(
        self, context: LoadContext, desired_state: DesiredState, confirmed: Plan, apply_record: ApplyRecord
    ) -> None:
        self._context = context
        self._desired_state = desired_state
        self._confirmed = confirmed
        self._record = apply_record
        self._applied: list[AppliedCall] = []
        self._remaining: deque[Call] = deque()
        self._lost_response_count = 0
        self._loaded: PublishedLoad | None = None
        self._error: WarehouseError | None = None

    def result(self) -> ApplyResult:
        """Build the result."""
        return ApplyResult(
            applied_calls=tuple(self._applied),
            remaining_calls=tuple(self._remaining),
            load=self._loaded,
            error=self._error,
        )

    def start(self) -> Sequence[Call]:
        """Load the account, and check that the plan still has the confirmed calls.

        Raises ``PlanError``.
        """
        _, live = load_live_account(self._context)
        calls = plan_from_live(self._context, self._desired_state, live).calls
        if calls != self._confirmed.calls:
            raise self._account_changed("Nothing was sent. Plan again, and review the new plan.")
        return calls

    def send_all(self, client: AmoClient, calls: Sequence[Call]) -> None:
        """Send the calls in order, until one fails."""
        self._remaining = deque(calls)
        try:
            while self._remaining:
                call = self._remaining.popleft()
                try:
                    self._send(client, call)
                except UncertainWrite as uncertain:
                    self._remaining = deque(self._replan_after(uncertain))
        except WarehouseError as error:
            self._error = error

    def finish(self) -> None:
        """Load the changed account into the history, and check that it has the desired state."""
        if not self._applied:
            return
        try:
            self._loaded, live = load_live_account(self._context)
            self._reconcile(live)
            remaining_plan = plan_from_live(self._context, self._desired_state, live)
        except WarehouseError as error:
            self._error = self._error or error
            return
        if remaining_plan.calls and self._error is None:
            self._error = WarehouseError(
                f"All calls were sent, but {len(remaining_plan.calls)} more would be needed.",
                account=self._record.account_key,
                advice="Plan again: amoCRM stored a different value, or somebody else changed the account.",
            )

    def _send(self, client: AmoClient, call: Call) -> None:
        """Record the call, send it, and record its outcome. Raises ``ApiError``."""
        engine, apply_record, now = self._context.engine, self._record, self._context.clock.now
        call_id = record_call(engine, apply_record, call, position=len(self._applied), at=now())
        try:
            result = client.writes.call(call.method, call.resource, call.thing_id, call.body)
        except ApiError as error:
            outcome: CallOutcome = "refused" if error.attempt else "not_sent"
            outcome = "uncertain" if isinstance(error, UncertainWrite) else outcome
            self._applied.append(AppliedCall(call=call, call_id=call_id, outcome=outcome))
            error.account = error.account or apply_record.account_key
            self._record_outcome(call_id, outcome, attempt=error.attempt, error=str(error))
            raise
        added_ids = result.ids if call.method == "POST" else ()
        self._applied.append(AppliedCall(call=call, call_id=call_id, outcome="done", added_ids=added_ids))
        self._record_outcome(call_id, "done", attempt=result.attempt, added_ids=added_ids)

    def _record_outcome(self, call_id: UUID, outcome: CallOutcome, **details: Any) -> None:
        """Record a call's outcome; retry after a lost connection, since the call is made."""
        ended_at = self._context.clock.now()
        record = partial(record_outcome, self._context.engine, self._record, call_id, outcome, at=ended_at, **details)
        with_retry(record, self._context.clock)

    def _replan_after(self, uncertain: UncertainWrite) -> Sequence[Call]:
        """Load the account after a lost response, and plan the calls that are left.

        Raises ``uncertain`` after too many, and after a success without proof whose effect the account does not
        show: amoCRM may carry it out later.
        """
        is_success = uncertain.status in _SUCCESSES
        self._lost_response_count += not is_success
        if self._lost_response_count > MAX_LOST_RESPONSES:
            raise uncertain
        try:
            _, live = load_live_account(self._context)
        except WarehouseError:
            raise uncertain from None
        applied = self._applied[-1]
        fate = self._reconcile(live)[applied.call_id]
        if fate.new_ids:
            raise self._ambiguous_addition(uncertain, fate.new_ids)
        plan = plan_from_live(self._context, self._desired_state, live)
        if applied.call.method == "PATCH" and applied.call.thing_id not in {change.thing_id for change in plan.changes}:
            self._mark_done(applied.call_id)
        if is_success and self._applied[-1].outcome != "done":
            raise uncertain
        if not all(_was_confirmed(change, self._confirmed.changes) for change in plan.changes):
            raise self._account_changed("Plan again, and review what is left to do.")
        return plan.calls

    def _reconcile(self, live: Snapshot) -> dict[UUID, CallFate]:
        """Determine the outcomes of calls with lost responses from the account's current state."""
        engine, now = self._context.engine, self._context.clock.now
        fates = reconcile_calls(engine, self._record.account_key, live, at=now())
        self._applied = [_with_fate(applied, fates.get(applied.call_id)) for applied in self._applied]
        return fates

    def _mark_done(self, call_id: UUID) -> None:
        """Record a change as done, since the new plan no longer contains it."""
        with transaction(self._context.engine, account=self._record.account_key) as connection:
            record_done(connection, self._record.account_id, call_id, at=self._context.clock.now(), added_ids=())
        self._applied[-1] = replace(self._applied[-1], outcome="done")

    def _ambiguous_addition(self, uncertain: UncertainWrite, new_ids: Sequence[int]) -> UncertainWrite:
        """Build the error for a lost response after which an unexpected new entity exists."""
        ids = " and ".join(f"id {new_id}" for new_id in new_ids)
        return UncertainWrite(
            f"{uncertain.message} The account has no entity with the name to be added, but {ids} is new.",
            account=uncertain.account,
            advice="Check the new entity in amoCRM: if it is the one to be added, rename it; then plan again.",
            request=uncertain.request,
            status=uncertain.status,
            request_id=uncertain.request_id,
        )

    def _account_changed(self, advice: str) -> PlanError:
        return PlanError(
            ["the account has changed since the plan was confirmed, so different calls are needed."],
            source=self._record.source,
            account=self._record.account_key,
            advice=advice,
        )


def _with_fate(applied: AppliedCall, fate: CallFate | None) -> AppliedCall:
    """Update a call with its outcome, if it turned out to be done."""
    if fate is None or fate.status != "done":
        return applied
    return replace(applied, outcome="done", added_ids=fate.added_ids)


def _was_confirmed(change: PlannedChange, confirmed: Iterable[PlannedChange]) -> bool:
    """Tell if the confirmed changes include this one, possibly with further edits."""
    return any(
        _identity_key(change) == _identity_key(confirmed_change) and _edit_keys(change) <= _edit_keys(confirmed_change)
        for confirmed_change in confirmed
    )


def _identity_key(change: PlannedChange) -> tuple[object, ...]:
    """Return the key by which changes of two plans are compared."""
    name = change.name if change.action == "add" else None
    return (change.kind, change.action, change.thing_id, name, change.replaces)


def _edit_keys(change: PlannedChange) -> set[tuple[str, int | None, str | None]]:
    return {(edit.property, edit.field_id, edit.new) for edit in change.edits}
