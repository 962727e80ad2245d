"""Showing what is to be done, asking, doing it, and telling what became of it: the same for every command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
import simplejson

from commands.manage.options import Manner
from commands.words import counted
from pipelines.errors import SettingsError
from pipelines.manage.apply import Applied, Made, apply
from pipelines.manage.calls import Call, Change, Plan
from pipelines.manage.live import Access, preview
from pipelines.manage.render import document, one_line, render_text
from pipelines.manage.wishes import Wish
from pipelines.printable import printable_json

COLORS: Final = {"  + ": "green", "  ~ ": "yellow", "  - ": "red"}
"""Of lines that begin so."""

OUTCOMES: Final = {"done": "done", "refused": "refused", "not_sent": "not sent", "uncertain": "uncertain"}


def carry_out(access: Access, wish: Wish, manner: Manner) -> None:
    """Make the account as it is wanted, if whoever is asked says yes. Raises what stopped it, after telling how far."""
    plan = preview(access, wish)
    if not manner.is_json:
        show(plan)
    if plan.is_empty:
        if manner.is_json:
            print_json(document(plan) | {"applied": None})
        return
    if not manner.is_yes and not agreed(manner):
        click.echo("Nothing was sent.")
        sys.exit(1)
    applied = apply(access, wish, plan, who=manner.who, reason=manner.reason)
    if manner.is_json:
        print_json(document(plan) | {"applied": as_json(applied)})
    else:
        for line in in_words(applied, ZoneInfo(plan.account.timezone)):
            click.echo(line)
    if applied.error:
        raise applied.error


def show(plan: Plan) -> None:
    """The plan, in colours where they can be seen."""
    for line in render_text(plan).splitlines():
        click.echo(click.style(line, COLORS.get(line[:4])))


def agreed(manner: Manner) -> bool:
    """Ask. Raises ``SettingsError`` where nobody is there."""
    if manner.is_json or not sys.stdin.isatty():
        raise SettingsError("Nothing was sent: nobody is there to be asked.", advice="Add --yes to go on without that.")
    click.echo()
    return click.confirm("Make these changes in amoCRM?")


def in_words(applied: Applied, timezone: ZoneInfo) -> Iterator[str]:
    """Each call with what became of it, and the snapshot that shows it, by the account's clocks."""
    total = len(applied.made) + len(applied.left)
    done = sum(made.outcome == "done" for made in applied.made)
    yield ""
    yield f"{done} of {counted(total, 'call')} done:" if done < total else f"{counted(total, 'call')} done:"
    for made in applied.made:
        for change in changes_of(made):
            yield _line(OUTCOMES[made.outcome], change)
    for call in applied.left:
        for change in call.changes:
            yield _line("not made", change)
    if applied.loaded:
        observed_at = applied.loaded.extracted.observed_at.astimezone(timezone)
        yield f"The snapshot of {observed_at.isoformat(timespec='seconds')} shows it."


def _line(outcome: str, change: Change) -> str:
    return f"  {outcome:11}{one_line(replace(change, edits=()))}"


def changes_of(made: Made) -> Iterator[Change]:
    """The call's changes, those that added something with the ids that amoCRM gave."""
    for place, change in enumerate(made.call.changes):
        is_known = place < len(made.added_ids)
        yield replace(change, thing_id=made.added_ids[place]) if is_known else change


def as_json(applied: Applied) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "calls": [
            {
                "call_id": str(made.call_id),
                **_called(made.call),
                "outcome": made.outcome,
                "added_ids": list(made.added_ids),
            }
            for made in applied.made
        ],
        "left": [_called(call) for call in applied.left],
        "observed_at": applied.loaded and applied.loaded.extracted.observed_at.isoformat(),
        "error": applied.error and type(applied.error).__name__,
        "message": applied.error and str(applied.error),
        "exit_code": applied.error.exit_code if applied.error else 0,
    }


def _called(call: Call) -> dict[str, Any]:
    return {"method": call.method, "resource": call.resource, "thing_id": call.thing_id}


def print_json(value: Any) -> None:
    """One document; decimals keep all their digits."""
    click.echo(printable_json(simplejson.dumps(value, ensure_ascii=False, indent=2, use_decimal=True)))
