"""A plan as people read it, and as programs do. Colours and questions belong to the command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pipelines.amocrm.records import Json
from pipelines.manage.calls import Action, Call, Change, Edit, Plan
from pipelines.manage.compare import FIELDS
from pipelines.manage.spelling import spelled_text
from pipelines.printable import printable

SIGNS: Final[dict[Action, str]] = {"add": "+", "change": "~", "delete": "-"}
"""What a line about a change begins with."""

LONGEST_VALUE: Final = 90
"""Characters of a value that a person is shown. Programs get all of it."""

_BEFORE_DIFFERENCE: Final = 20


def render_text(plan: Plan) -> str:
    """The plan for a person: what happens to each thing, in order, and what to know before saying yes."""
    whole = f"{spelled_text(plan.account.name)} (account {plan.account.id})"
    if plan.is_empty:
        lines = [f"{whole} is as {printable(plan.source)} wants it: nothing to do."]
    else:
        lines = [f"{whole}, to be as {printable(plan.source)} wants it: {summary(plan)}."]
        for call in plan.calls:
            lines += ["", *_call_lines(call)]
    if plan.notes:
        lines += ["", "Good to know:", *(f"  * {printable(note)}" for note in plan.notes)]
    return "\n".join(lines) + "\n"


def document(plan: Plan) -> Json:
    """The plan for a program, as JSON values: all of it, in full, calls with their bodies as they are sent."""
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


def summary(plan: Plan) -> str:
    """How much a plan does, such as "1 to add, 2 to change, 1 to delete, in 4 calls"."""
    counts = Counter(change.action for change in plan.changes)
    actions = [f"{counts[action]} to {action}" for action in SIGNS if counts[action]]
    return f"{', '.join(actions)}, in {len(plan.calls)} call{'s' if len(plan.calls) > 1 else ''}"


def one_line(change: Change) -> str:
    """A change in one line, such as "~ segment VIP (id 51): name VIP -> Gold"."""
    edits = [f"{_quoted(edit.shown)} {_difference(edit, change.action)}" for edit in change.edits]
    return f"{SIGNS[change.action]} {_thing(change)}" + (f": {'; '.join(edits)}" if edits else "")


def lines(change: Change) -> list[str]:
    """A change in lines: the thing and why, then each property, then each field."""
    sign = SIGNS[change.action]
    return [
        f"  {sign} {_thing(change)}: {printable(change.why)}",
        *(
            f"      {edit.shown}: {_difference(edit, change.action)}"
            for edit in change.edits
            if edit.property != FIELDS
        ),
        *(
            f"      field {_quoted(edit.shown)}: {_difference(edit, change.action)}"
            for edit in change.edits
            if edit.property == FIELDS
        ),
    ]


def _call_lines(call: Call) -> Iterator[str]:
    place = f"{call.resource}/{call.thing_id}" if call.thing_id else call.resource
    yield f"{call.method} {place}"
    for change in call.changes:
        yield from lines(change)


def _thing(change: Change) -> str:
    name = "without a name" if change.name is None else _quoted(change.name)
    return f"{change.kind} {name}" + (f" (id {change.thing_id})" if change.thing_id else "")


def _difference(edit: Edit, action: Action) -> str:
    old, new = _shortened(edit.old or "(nothing)", edit.new or "(nothing)")
    return f"{old} -> {new}" if action == "change" else new if action == "add" else old


def _quoted(name: str) -> str:
    return _shortened(spelled_text(name), "")[0]


def _shortened(old: str, new: str) -> tuple[str, str]:
    """Both texts, long ones from shortly before where they begin to differ."""
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = max(0, same - _BEFORE_DIFFERENCE) if max(len(old), len(new)) > LONGEST_VALUE else 0
    return _cut(old, start), _cut(new, start)


def _cut(text: str, start: int) -> str:
    end = start + LONGEST_VALUE
    rest = f"... ({len(text)} characters)" if len(text) > end else ""
    return ("..." if start else "") + text[start:end] + rest


def _change_document(change: Change) -> Json:
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
                "field": edit.shown if edit.property == FIELDS else None,
                "field_id": edit.field_id,
                "old": edit.old,
                "new": edit.new,
            }
            for edit in change.edits
        ],
    }
