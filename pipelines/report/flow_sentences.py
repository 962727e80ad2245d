"""Sentences about customers who came to a stage or segment and went from it while its size changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from pipelines.base.language import gettext_noop, ngettext_noop
from pipelines.base.text import display_name
from pipelines.report.formats import Formats

MAX_FLOWS_IN_TEXT: Final = 3
"""Other places that a text names, for each direction."""


class PlaceCount(NamedTuple):
    """Customers that moved from or to another place."""

    other_id: int | None  # None: stages: new or gone; segments: none or several others
    other_name: str | None
    customers_count: int


FROM_OTHER: Final = gettext_noop("%(count)s from '%(name)s'")
TO_OTHER: Final = gettext_noop("%(count)s to '%(name)s'")

HIDDEN: Final[Mapping[str, tuple[str, str]]] = {
    FROM_OTHER: ngettext_noop("%(customers)s from %(count)s other", "%(customers)s from %(count)s others"),
    TO_OTHER: ngettext_noop("%(customers)s to %(count)s other", "%(customers)s to %(count)s others"),
}
"""Texts on the places that are not named."""

NOWHERE: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    (FROM_OTHER, "stage"): ngettext_noop("%(count)s new", "%(count)s new"),
    (TO_OTHER, "stage"): ngettext_noop("%(count)s gone", "%(count)s gone"),
    (FROM_OTHER, "segment"): ngettext_noop(
        "%(count)s from none or several segments", "%(count)s from none or several segments"
    ),
    (TO_OTHER, "segment"): ngettext_noop(
        "%(count)s to none or several segments", "%(count)s to none or several segments"
    ),
}
"""Texts on customers without another place, of stages and segments."""


def describe_flows(
    place: str, came: Sequence[PlaceCount], went: Sequence[PlaceCount], change_count: int, formats: Formats
) -> str:
    """Describe who came to a ``stage`` or ``segment`` and went, and the part of its change that this leaves.

    ``came`` and ``went`` have the most customers first.
    """
    language = formats.language
    unexplained = change_count - sum(flow.customers_count for flow in came)
    unexplained += sum(flow.customers_count for flow in went)
    sources, targets = _list_flows(place, came, FROM_OTHER, formats), _list_flows(place, went, TO_OTHER, formats)
    sentences = [
        language.gettext("Came: %(customers)s.", customers=sources) if came else language.gettext("Nobody came."),
        language.gettext("Went: %(customers)s.", customers=targets) if went else language.gettext("Nobody went."),
    ]
    if unexplained:
        share = min(round(Decimal(100 * abs(unexplained)) / abs(change_count), 1), Decimal(100))
        sentences.append(
            language.gettext(
                "Not explained: %(change)s (%(share)s).",
                change=formats.signed(unexplained),
                share=f"{formats.number(share)}\u00a0%",
            )
        )
    return " ".join(sentences)


def _list_flows(place: str, flows: Sequence[PlaceCount], template: str, formats: Formats) -> str:
    """List the largest flows of a direction, then the sum of the others, then customers without another place."""
    language = formats.language
    others = [flow for flow in flows if flow.other_id is not None]
    parts = [
        language.gettext(
            template, count=formats.number(flow.customers_count), name=display_name(flow.other_name, flow.other_id)
        )
        for flow in others[:MAX_FLOWS_IN_TEXT]
    ]
    if hidden := others[MAX_FLOWS_IN_TEXT:]:
        customers = formats.number(sum(flow.customers_count for flow in hidden))
        parts.append(language.ngettext(*HIDDEN[template], len(hidden), customers=customers))
    parts += [
        language.ngettext(*NOWHERE[template, place], flow.customers_count) for flow in flows if flow.other_id is None
    ]
    return ", ".join(parts)
