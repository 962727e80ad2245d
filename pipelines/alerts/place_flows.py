"""Flows of a segment or stage between two scans, as an alert's JSON object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.report.place_flows import PlaceFlows


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannedFlows(PlaceFlows):
    """Flows with the days of the two scans."""

    first_date: date
    last_date: date

    def document(self) -> dict[str, Any]:
        """Build the JSON object."""
        return {
            "scans": [self.first_date.isoformat(), self.last_date.isoformat()],
            "came": [{"from_id": id_, "from": name, "customers_count": count} for id_, name, count in self.came],
            "went": [{"to_id": id_, "to": name, "customers_count": count} for id_, name, count in self.went],
            "unexplained_count": self.unexplained_count,
            "unexplained_percent": float(self.unexplained_percent),
        }
