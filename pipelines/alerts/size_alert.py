"""Size alerts as records, and the JSON message that contains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pipelines.alerts.size_rules import NewAlert
from pipelines.base.language import ENGLISH, Language

MAX_ALERTS_IN_TEXT: Final = 10
"""Alerts in a message's text; the key ``alerts`` contains all."""

MAX_CONTEXT_EVENTS: Final = 5
"""Context events in an alert's text; the key ``around`` contains all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeAlert(NewAlert):
    """A stored alert, with its id, context, flows and text."""

    alert_id: UUID
    around: Sequence[Mapping[str, str]]
    flows: Mapping[str, Any] | None  # ``ScannedFlows.document``; None: no scans are near the two sizes
    message: str

    @property
    def change_percent(self) -> Decimal | None:
        """Change in percent of the previous size, to one decimal; None if that was 0."""
        return percent_change(self.previous_count, self.customers_count)

    def document(self) -> dict[str, Any]:
        """Build the alert's JSON object."""
        share = self.change_percent
        return {
            "id": str(self.alert_id),
            "place": "stage" if self.is_stage else "segment",
            "place_id": self.place_id,
            "name": self.place_name,
            "segment_id": None if self.is_stage else self.place_id,
            "segment": None if self.is_stage else self.place_name,
            "rule": self.rule,
            "direction": self.direction,
            "days": self.days,
            "before": {"observed_at": self.previous_observed_at.isoformat(), "customers_count": self.previous_count},
            "now": {"observed_at": self.observed_at.isoformat(), "customers_count": self.customers_count},
            "change_count": self.customers_count - self.previous_count,
            "change_percent": None if share is None else float(share),
            "missed_days": self.missed_days,
            "flows": self.flows,
            "around": [dict(item) for item in self.around],
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeAlertBatch:
    """All pending alerts of an account, which are sent as one message."""

    account: str  # key of the account in the settings
    alerts: Sequence[SizeAlert]
    language: Language = ENGLISH

    @property
    def text(self) -> str:
        """Text of the message for services that show a single text."""
        messages = [alert.message for alert in self.alerts[:MAX_ALERTS_IN_TEXT]]
        hidden_count = len(self.alerts) - MAX_ALERTS_IN_TEXT
        if hidden_count > 0:
            messages.append(
                self.language.ngettext(
                    "And %(count)s more: see analytics.size_alerts.",
                    "And %(count)s more: see analytics.size_alerts.",
                    hidden_count,
                )
            )
        return self.language.gettext(
            "amoCRM account '%(account)s': %(text)s", account=self.account, text="\n\n".join(messages)
        )

    def payload(self) -> dict[str, Any]:
        """Build the JSON to post: ``text`` for Slack and similar services, the rest for programs."""
        return {
            "text": self.text,
            "kind": "size_alerts",
            "account": self.account,
            "alerts": [alert.document() for alert in self.alerts],
        }


def percent_change(before: int, now: int) -> Decimal | None:
    """Return a change in percent of the previous size, to one decimal; None if that was 0."""
    return None if before == 0 else round(Decimal(100 * (now - before)) / before, 1)
