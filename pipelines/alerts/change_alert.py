"""Alert on changes of stages, segments and the account, as a record and as the JSON message that contains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MAX_CHANGES_IN_TEXT: Final = 10
"""Changes in a message's text; the key ``changes`` contains up to ``MAX_CHANGES_IN_JSON``."""

MAX_CHANGES_IN_JSON: Final = 100

_RESTORABLE: Final = frozenset({"name", "color", "price_field_ids", "sort", "field_value"})
"""Properties that amoCRM's API can set. Rules, modes and bonus points are set in amoCRM only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedChange:
    """A change of one entity, in words."""

    observed_at: datetime
    previous_observed_at: datetime
    kind: str  # one of CHANGE_KINDS
    thing: str
    thing_id: int
    name: str | None
    attribute: str | None  # that changed; None: the entity itself was added or deleted
    old: str | None
    new: str | None
    who: str | None  # who made it by this program; None: somebody in amoCRM
    reason: str | None
    load_count: int  # changes that the same load showed
    sentence: str

    @property
    def is_restorable(self) -> bool:
        """True if 'restore' can undo it."""
        return self.thing in ("segment", "stage") and (self.kind == "deleted" or self.attribute in _RESTORABLE)

    def document(self) -> dict[str, Any]:
        """Build the change's JSON object."""
        return {
            "kind": self.kind,
            "entity": self.thing,
            "entity_id": self.thing_id,
            "name": self.name,
            "property": self.attribute,
            "before": self.old,
            "now": self.new,
            "between": [self.previous_observed_at.isoformat(), self.observed_at.isoformat()],
            "who": self.who,
            "reason": self.reason,
            "message": self.sentence,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeAlert:
    """Changes of an account that are sent as one message."""

    account: str  # key of the account in the settings
    change_count: int  # of all changes, of which ``changes`` has the first
    changes: Sequence[ReportedChange]
    text: str

    def payload(self) -> dict[str, Any]:
        """Build the JSON to post: ``text`` for Slack and similar services, the rest for programs."""
        return {
            "text": self.text,
            "kind": "changes",
            "account": self.account,
            "change_count": self.change_count,
            "changes": [change.document() for change in self.changes],
        }
