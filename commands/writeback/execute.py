"""Show a plan, ask for confirmation, apply it, and print the result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from commands.output import pluralize, print_json
from commands.writeback.options import ApplyOptions
from pipelines.base.errors import SettingsError
from pipelines.load.context import LoadContext
from pipelines.writeback.apply import AppliedCall, ApplyResult, apply
from pipelines.writeback.calls import Call, Plan, PlannedChange
from pipelines.writeback.live_account import preview_plan
from pipelines.writeback.plan_source import DesiredState
from pipelines.writeback.render import format_change_line, plan_document, render_text

COLORS: Final = {"  + ": "green", "  ~ ": "yellow", "  - ": "red"}
"""Colors of lines by their beginning."""

OUTCOME_LABELS: Final = {"done": "done", "refused": "refused", "not_sent": "not sent", "uncertain": "uncertain"}


def execute_plan(access: LoadContext, desired_state: DesiredState, apply_options: ApplyOptions) -> None:
    """Plan and, after confirmation, apply the desired state. Print the result, then raise the error that stopped it."""
    plan = preview_plan(access, desired_state)
    if not apply_options.is_json:
        print_plan(plan)
    if plan.is_empty:
        if apply_options.is_json:
            print_json(plan_document(plan) | {"applied": None})
        return
    if not apply_options.is_yes and not confirm(apply_options):
        click.echo("Nothing was sent.")
        sys.exit(1)
    result = apply(access, desired_state, plan, who=apply_options.who, reason=apply_options.reason)
    if apply_options.is_json:
        print_json(plan_document(plan) | {"applied": result_to_json(result)})
    else:
        for line in describe_result(result, ZoneInfo(plan.account.timezone)):
            click.echo(line)
    if result.error:
        raise result.error


def print_plan(plan: Plan) -> None:
    """Print the plan, in colors if the terminal supports them."""
    for line in render_text(plan).splitlines():
        click.echo(click.style(line, COLORS.get(line[:4])))


def confirm(apply_options: ApplyOptions) -> bool:
    """Ask for confirmation. Raises ``SettingsError`` without a terminal."""
    if apply_options.is_json or not sys.stdin.isatty():
        raise SettingsError(
            "Nothing was sent: confirmation needs a terminal.", advice="Add --yes to apply without confirmation."
        )
    click.echo()
    return click.confirm("Make these changes in amoCRM?")


def describe_result(result: ApplyResult, timezone: ZoneInfo) -> Iterator[str]:
    """Yield lines: each call with its outcome, and the time of the snapshot after it, in the account's timezone."""
    total = len(result.applied_calls) + len(result.remaining_calls)
    done = sum(applied_call.outcome == "done" for applied_call in result.applied_calls)
    yield ""
    yield f"{done} of {pluralize(total, 'call')} done:" if done < total else f"{pluralize(total, 'call')} done:"
    for applied_call in result.applied_calls:
        for change in changes_with_ids(applied_call):
            yield _format_line(OUTCOME_LABELS[applied_call.outcome], change)
    for call in result.remaining_calls:
        for change in call.changes:
            yield _format_line("not made", change)
    if result.load:
        observed_at = result.load.extracted.observed_at.astimezone(timezone)
        yield f"The snapshot of {observed_at.isoformat(timespec='seconds')} shows it."


def _format_line(outcome: str, change: PlannedChange) -> str:
    return f"  {outcome:11}{format_change_line(replace(change, edits=()))}"


def changes_with_ids(applied_call: AppliedCall) -> Iterator[PlannedChange]:
    """Yield the call's changes; additions have the ids that amoCRM assigned."""
    for position, change in enumerate(applied_call.call.changes):
        is_known = position < len(applied_call.added_ids)
        yield replace(change, thing_id=applied_call.added_ids[position]) if is_known else change


def result_to_json(result: ApplyResult) -> dict[str, Any]:
    """Return the result for scripts."""
    return {
        "calls": [
            {
                "call_id": str(applied_call.call_id),
                **_call_to_json(applied_call.call),
                "outcome": applied_call.outcome,
                "added_ids": list(applied_call.added_ids),
            }
            for applied_call in result.applied_calls
        ],
        "left": [_call_to_json(call) for call in result.remaining_calls],
        "observed_at": result.load and result.load.extracted.observed_at.isoformat(),
        "error": result.error and type(result.error).__name__,
        "message": result.error and str(result.error),
        "exit_code": result.error.exit_code if result.error else 0,
    }


def _call_to_json(call: Call) -> dict[str, Any]:
    return {"method": call.method, "resource": call.resource, "thing_id": call.thing_id}
