"""Render a plan as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pipelines.amocrm.models import Json
from pipelines.base.escape import printable
from pipelines.writeback.calls import Call, ChangeAction, Plan, PlannedChange, PropertyEdit
from pipelines.writeback.compare import CUSTOM_FIELDS
from pipelines.writeback.yaml_scalars import quote_text

ACTION_SIGNS: Final[dict[ChangeAction, str]] = {"add": "+", "change": "~", "delete": "-"}
"""Prefix of a change's line."""

MAX_VALUE_LENGTH: Final = 90
"""Length at which the text truncates a value; the JSON has all of it."""

_CONTEXT_LENGTH: Final = 20


def render_text(plan: Plan) -> str:
    """Render the plan as text: all changes in order, then the notes."""
    subject = f"{quote_text(plan.account.name)} (account {plan.account.id})"
    if plan.is_empty:
        lines = [f"{subject} already matches {printable(plan.source)}: nothing to do."]
    else:
        lines = [f"{subject}, changes to match {printable(plan.source)}: {summarize_plan(plan)}."]
        for call in plan.calls:
            lines += ["", *_call_lines(call)]
    if plan.notes:
        lines += ["", "Good to know:", *(f"  * {printable(note)}" for note in plan.notes)]
    return "\n".join(lines) + "\n"


def plan_document(plan: Plan) -> Json:
    """Convert the complete plan to JSON values, with the calls' bodies as sent."""
    return {
        "account": {"id": plan.account.id, "name": plan.account.name, "mode": plan.account.mode},
        "source": plan.source,
        "is_empty": plan.is_empty,
        "calls": [
            {
                "method": call.method,
                "resource": call.resource,
                "thing_id": call.thing_id,
                "body": call.body,
                "changes": [_change_document(change) for change in call.changes],
            }
            for call in plan.calls
        ],
        "notes": list(plan.notes),
    }


def summarize_plan(plan: Plan) -> str:
    """Summarize a plan, such as "1 to add, 2 to change, 1 to delete, in 4 calls"."""
    counts = Counter(change.action for change in plan.changes)
    actions = [f"{counts[action]} to {action}" for action in ACTION_SIGNS if counts[action]]
    return f"{', '.join(actions)}, in {len(plan.calls)} call{'s' if len(plan.calls) > 1 else ''}"


def format_change_line(change: PlannedChange) -> str:
    """Format a change in one line, such as "~ segment VIP (id 51): name VIP -> Gold"."""
    edits = [f"{_quote(edit.label)} {_format_edit(edit, change.action)}" for edit in change.edits]
    return f"{ACTION_SIGNS[change.action]} {_describe_entity(change)}" + (f": {'; '.join(edits)}" if edits else "")


def change_lines(change: PlannedChange) -> list[str]:
    """Format a change in several lines: the entity and the reason, then properties, then fields."""
    sign = ACTION_SIGNS[change.action]
    return [
        f"  {sign} {_describe_entity(change)}: {printable(change.why)}",
        *(
            f"      {edit.label}: {_format_edit(edit, change.action)}"
            for edit in change.edits
            if edit.property != CUSTOM_FIELDS
        ),
        *(
            f"      field {_quote(edit.label)}: {_format_edit(edit, change.action)}"
            for edit in change.edits
            if edit.property == CUSTOM_FIELDS
        ),
    ]


def _call_lines(call: Call) -> Iterator[str]:
    path = f"{call.resource}/{call.thing_id}" if call.thing_id else call.resource
    yield f"{call.method} {path}"
    for change in call.changes:
        yield from change_lines(change)


def _describe_entity(change: PlannedChange) -> str:
    name = "without a name" if change.name is None else _quote(change.name)
    return f"{change.kind} {name}" + (f" (id {change.thing_id})" if change.thing_id else "")


def _format_edit(edit: PropertyEdit, action: ChangeAction) -> str:
    old, new = _shorten(edit.old or "(nothing)", edit.new or "(nothing)")
    return f"{old} -> {new}" if action == "change" else new if action == "add" else old


def _quote(name: str) -> str:
    return _shorten(quote_text(name), "")[0]


def _shorten(old: str, new: str) -> tuple[str, str]:
    """Truncate both texts; long ones start shortly before their first difference."""
    first_difference = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = max(0, first_difference - _CONTEXT_LENGTH) if max(len(old), len(new)) > MAX_VALUE_LENGTH else 0
    return _truncate(old, start), _truncate(new, start)


def _truncate(text: str, start: int) -> str:
    end = start + MAX_VALUE_LENGTH
    rest = f"... ({len(text)} characters)" if len(text) > end else ""
    return ("..." if start else "") + text[start:end] + rest


def _change_document(change: PlannedChange) -> Json:
    """Build a change's JSON object."""
    return {
        "kind": change.kind,
        "action": change.action,
        "id": change.thing_id,
        "name": change.name,
        "why": change.why,
        "replaces": change.replaces,
        "request_id": change.request_id,
        "edits": [
            {
                "property": edit.property,
                "field": edit.label if edit.property == CUSTOM_FIELDS else None,
                "field_id": edit.field_id,
                "old": edit.old,
                "new": edit.new,
            }
            for edit in change.edits
        ],
    }
