"""What is told of an event: words for people, keys for programs. Nothing is decided, read or sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

MAX_ALERTS_IN_TEXT: Final = 10
"""Events that a message tells in full; ``alerts`` holds them all."""

MAX_CONTEXT_EVENTS: Final = 5
"""Things that changed around an event which its message names; ``around`` holds them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeAlert:
    """An event as it is kept; the comments of ``amocrm.size_alert`` say what its columns mean."""

    alert_id: UUID
    segment_id: int
    segment_name: str | None
    rule: str
    direction: str
    days: int
    previous_observed_at: datetime
    previous_count: int
    observed_at: datetime
    customers_count: int
    missed_days: int
    around: Sequence[Mapping[str, str]]
    message: str

    @property
    def change_percent(self) -> Decimal | None:
        """The change in percent of the size before, to one decimal; None where that was 0."""
        return percent_change(self.previous_count, self.customers_count)

    def document(self) -> dict[str, Any]:
        """The event for programs."""
        share = self.change_percent
        return {
            "id": str(self.alert_id),
            "segment_id": self.segment_id,
            "segment": self.segment_name,
            "rule": self.rule,
            "direction": self.direction,
            "days": self.days,
            "before": {"observed_at": self.previous_observed_at.isoformat(), "customers_count": self.previous_count},
            "now": {"observed_at": self.observed_at.isoformat(), "customers_count": self.customers_count},
            "change_count": self.customers_count - self.previous_count,
            "change_percent": None if share is None else float(share),
            "missed_days": self.missed_days,
            "around": [dict(item) for item in self.around],
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeAlertBatch:
    """All events of an account that wait to be told, as one message: a hundred at once are one piece of news."""

    account: str  # key of the account in the settings
    alerts: Sequence[SizeAlert]

    @property
    def text(self) -> str:
        """All of it in a few lines, for services that show one text."""
        messages = [alert.message for alert in self.alerts[:MAX_ALERTS_IN_TEXT]]
        if len(self.alerts) > MAX_ALERTS_IN_TEXT:
            messages.append(f"And {len(self.alerts) - MAX_ALERTS_IN_TEXT} more: analytics.size_alerts has them all.")
        prefix = f"amoCRM account '{self.account}': "
        return prefix + "\n\n".join(messages)

    def payload(self) -> dict[str, Any]:
        """The JSON that is posted: ``text`` is what Slack and its likes show, the rest is for programs."""
        return {
            "text": self.text,
            "kind": "size_alerts",
            "account": self.account,
            "alerts": [alert.document() for alert in self.alerts],
        }


def percent_change(before: int, now: int) -> Decimal | None:
    """A change in percent of the size before, to one decimal."""
    return None if before == 0 else round(Decimal(100 * (now - before)) / before, 1)
