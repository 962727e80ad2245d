"""Fingerprint of a plan: it tells that a plan is the one that was shown, without sending the plan around."""

from __future__ import annotations

import hashlib
from typing import Final

import simplejson

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Json
from pipelines.writeback.calls import Plan
from pipelines.writeback.render import plan_document

WORDING: Final = frozenset({"source", "notes", "why"})
"""Keys of the document that say where a wish is written, not what is sent."""


def fingerprint(plan: Plan) -> str:
    """Hash of the account and of every call, in order, with what each changes from what to what."""
    text = simplejson.dumps(
        without_wording(plan_document(plan)), sort_keys=True, ensure_ascii=True, use_decimal=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def without_wording(plan_document: Json) -> Json:
    """The plan's document without the wording of the plan itself and of its changes; bodies stay as they are sent."""
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
    """Ids of the stages or segments that the plan deletes, in ascending order."""
    return tuple(
        sorted(
            change.thing_id
            for change in plan.changes
            if change.action == "delete" and change.kind == kind and change.thing_id is not None
        )
    )
