"""Fingerprint of a plan, by which a later step checks that it applies the plan that was shown."""

from __future__ import annotations

import hashlib
from typing import Final

import simplejson

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Json
from pipelines.writeback.calls import Plan
from pipelines.writeback.render import plan_document

WORDING: Final = frozenset({"source", "notes", "why"})
"""Keys of the document that do not affect what is sent."""


def fingerprint(plan: Plan) -> str:
    """Hash the account and all calls in order, with old and new values."""
    text = simplejson.dumps(
        without_wording(plan_document(plan)), sort_keys=True, ensure_ascii=True, use_decimal=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def without_wording(plan_document: Json) -> Json:
    """Remove the keys in ``WORDING`` from a plan's document and its changes; bodies are kept as sent."""
    kept = {key: value for key, value in plan_document.items() if key not in WORDING}
    kept["calls"] = [
        call
        | {
            "changes": [
                {key: value for key, value in change.items() if key not in WORDING} for change in call["changes"]
            ]
        }
        for call in plan_document["calls"]
    ]
    return kept


def deleted_ids(plan: Plan, kind: EntityKind) -> tuple[int, ...]:
    """List the ids of the stages or segments that the plan deletes, in ascending order."""
    return tuple(
        sorted(
            change.thing_id
            for change in plan.changes
            if change.action == "delete" and change.kind == kind and change.thing_id is not None
        )
    )
