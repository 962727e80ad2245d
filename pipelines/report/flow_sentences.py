"""Sentences about customers who came to a stage or segment and went from it while its size changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipelines.base.language import gettext_noop, ngettext_noop
from pipelines.base.text import display_name
from pipelines.report.formats import Formats
from pipelines.report.place_flows import PlaceCount, PlaceFlows

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


def describe_flows(flows: PlaceFlows, formats: Formats, *, most: int) -> str:
    """Describe who came from where and went where, and the part of the change that this leaves unexplained.

    For each direction at most ``most`` other places are named.
    """
    language = formats.language
    came = _list_flows(flows.place, flows.came, FROM_OTHER, formats, most)
    went = _list_flows(flows.place, flows.went, TO_OTHER, formats, most)
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
    return " ".join(sentences)


def _list_flows(place: str, flows: Sequence[PlaceCount], template: str, formats: Formats, most: int) -> str:
    """List the largest flows of a direction, then the sum of the others, then customers without another place."""
    language = formats.language
    others = [flow for flow in flows if flow.other_id is not None]
    parts = [
        language.gettext(
            template, count=formats.number(flow.customers_count), name=display_name(flow.other_name, flow.other_id)
        )
        for flow in others[:most]
    ]
    if hidden := others[most:]:
        customers = formats.number(sum(flow.customers_count for flow in hidden))
        parts.append(language.ngettext(*HIDDEN[template], len(hidden), customers=customers))
    parts += [
        language.ngettext(*NOWHERE[template, place], flow.customers_count) for flow in flows if flow.other_id is None
    ]
    return ", ".join(parts)
