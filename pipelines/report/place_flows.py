"""Customers that came to a stage or segment and went from it while its size changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple


class PlaceCount(NamedTuple):
    """Customers that moved from or to another place."""

    other_id: int | None  # None: stages: new or gone; segments: none or several others
    other_name: str | None
    customers_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFlows:
    """Flows of a place, and the change of size that they should explain."""

    place: str  # stage or segment
    change_count: int
    came: Sequence[PlaceCount]  # most customers first
    went: Sequence[PlaceCount]

    @property
    def unexplained_count(self) -> int:
        """Part of the change that the flows do not explain."""
        came, went = (sum(flow.customers_count for flow in flows) for flows in (self.came, self.went))
        return self.change_count - came + went

    @property
    def unexplained_percent(self) -> Decimal:
        """That part in percent of the change, to one decimal, at most 100, as in the views of jumps."""
        return min(round(Decimal(100 * abs(self.unexplained_count)) / abs(self.change_count), 1), Decimal(100))
