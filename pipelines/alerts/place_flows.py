"""Customers that came to a segment or stage and left it between two scans, and their text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipelines.base.language import gettext_noop, ngettext_noop
from pipelines.base.text import display_name

if TYPE_CHECKING:  # loads without alerts do not need Babel, which is slow to import
    from pipelines.report.formats import Formats

MAX_FLOWS_IN_TEXT: Final = 5
"""Other places that a text names, for each direction; the key ``flows`` contains all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFlow:
    """Customers that moved between a place and another one."""

    other_id: int | None  # None: stages: new or gone; segments: left or joined none or several others
    other_name: str | None
    joined_count: int
    left_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFlows:
    """Flows of a place between two scans, and the change of size that they should explain."""

    is_stage: bool
    first_date: date  # of the scans
    last_date: date
    flows: Sequence[PlaceFlow]
    change_count: int

    @property
    def came(self) -> list[tuple[PlaceFlow, int]]:
        """Flows to the place with their customers, most first."""
        return _sort_flows((flow, flow.joined_count) for flow in self.flows if flow.joined_count)

    @property
    def went(self) -> list[tuple[PlaceFlow, int]]:
        """Flows from the place with their customers, most first."""
        return _sort_flows((flow, flow.left_count) for flow in self.flows if flow.left_count)

    @property
    def unexplained_count(self) -> int:
        """Part of the change that the flows do not explain."""
        return self.change_count - sum(flow.joined_count - flow.left_count for flow in self.flows)

    @property
    def unexplained_percent(self) -> Decimal:
        """That part in percent of the change, to one decimal, at most 100, as in ``segment_jumps``."""
        return min(round(Decimal(100 * abs(self.unexplained_count)) / abs(self.change_count), 1), Decimal(100))

    def document(self) -> dict[str, Any]:
        """Build the JSON object."""
        return {
            "scans": [self.first_date.isoformat(), self.last_date.isoformat()],
            "came": [
                {"from_id": flow.other_id, "from": flow.other_name, "customers_count": count}
                for flow, count in self.came
            ],
            "went": [
                {"to_id": flow.other_id, "to": flow.other_name, "customers_count": count} for flow, count in self.went
            ],
            "unexplained_count": self.unexplained_count,
            "unexplained_percent": float(self.unexplained_percent),
        }


FROM_OTHER: Final = gettext_noop("%(count)s from '%(name)s'")
TO_OTHER: Final = gettext_noop("%(count)s to '%(name)s'")

HIDDEN: Final[Mapping[str, tuple[str, str]]] = {
    FROM_OTHER: ngettext_noop("%(customers)s from %(count)s other", "%(customers)s from %(count)s others"),
    TO_OTHER: ngettext_noop("%(customers)s to %(count)s other", "%(customers)s to %(count)s others"),
}
"""Texts on the places that are not named."""

NOWHERE: Final[Mapping[tuple[str, bool], tuple[str, str]]] = {
    (FROM_OTHER, True): ngettext_noop("%(count)s new", "%(count)s new"),
    (TO_OTHER, True): ngettext_noop("%(count)s gone", "%(count)s gone"),
    (FROM_OTHER, False): ngettext_noop(
        "%(count)s from none or several segments", "%(count)s from none or several segments"
    ),
    (TO_OTHER, False): ngettext_noop("%(count)s to none or several segments", "%(count)s to none or several segments"),
}
"""Texts on customers without another place, of stages (True) and segments (False)."""


def describe_flows(flows: PlaceFlows, formats: Formats) -> str:
    """Describe who came from where and went where, and the part of the change that this leaves unexplained."""
    language = formats.language
    came = _list_flows(flows.came, FROM_OTHER, formats, is_stage=flows.is_stage)
    went = _list_flows(flows.went, TO_OTHER, formats, is_stage=flows.is_stage)
    sentences = [
        language.gettext("Came: %(customers)s.", customers=came) if came else language.gettext("Nobody came."),
        language.gettext("Went: %(customers)s.", customers=went) if went else language.gettext("Nobody went."),
    ]
    if flows.unexplained_count:
        sentences.append(
            language.gettext(
                "Not explained: %(change)s (%(share)s).",
                change=formats.signed(flows.unexplained_count),
                share=f"{formats.number(flows.unexplained_percent)}\u00a0%",
            )
        )
    sentences.append(
        language.gettext(
            "Scans: %(first)s and %(last)s.", first=formats.day(flows.first_date), last=formats.day(flows.last_date)
        )
    )
    return " ".join(sentences)


def _list_flows(flows: Sequence[tuple[PlaceFlow, int]], template: str, formats: Formats, *, is_stage: bool) -> str:
    """List the largest flows of a direction, then the sum of the others, then customers without another place."""
    language = formats.language
    others = [(flow, count) for flow, count in flows if flow.other_id is not None]
    parts = [
        language.gettext(template, count=formats.number(count), name=display_name(flow.other_name, flow.other_id))
        for flow, count in others[:MAX_FLOWS_IN_TEXT]
    ]
    if hidden := others[MAX_FLOWS_IN_TEXT:]:
        customers = formats.number(sum(count for _, count in hidden))
        parts.append(language.ngettext(*HIDDEN[template], len(hidden), customers=customers))
    parts += [language.ngettext(*NOWHERE[template, is_stage], count) for flow, count in flows if flow.other_id is None]
    return ", ".join(parts)


def _sort_flows(flows: Iterable[tuple[PlaceFlow, int]]) -> list[tuple[PlaceFlow, int]]:
    return sorted(flows, key=lambda item: (-item[1], item[0].other_id or 0))
