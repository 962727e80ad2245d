"""Text of a size alert, in the number and date formats of its account, with changes around it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from pipelines.alerts.place_flows import ScannedFlows
from pipelines.alerts.size_alert import MAX_CONTEXT_EVENTS, percent_change
from pipelines.alerts.size_rules import NewAlert
from pipelines.base.language import gettext_noop, ngettext_noop
from pipelines.base.text import display_name
from pipelines.report.events import Event, change_events, gap_event
from pipelines.report.figures import Gap
from pipelines.report.flow_sentences import describe_flows
from pipelines.report.formats import Formats
from pipelines.report.jump_sentences import NO_CONTEXT
from pipelines.warehouse.changes import Change

LOOK_BACK: Final = timedelta(days=1)
"""Time before the first of the two sizes: a change then may affect sizes only later."""

MAX_FLOWS_IN_TEXT: Final = 5
"""Other places that a text names, for each direction; the key ``flows`` contains all."""

MOVES: Final[Mapping[tuple[bool, bool, bool], str]] = {
    (False, True, True): gettext_noop("Segment '%(name)s' grew by %(change)s (%(share)s) to %(size)s"),
    (False, True, False): gettext_noop("Segment '%(name)s' grew by %(change)s to %(size)s"),
    (False, False, True): gettext_noop("Segment '%(name)s' shrank by %(change)s (%(share)s) to %(size)s"),
    (False, False, False): gettext_noop("Segment '%(name)s' shrank by %(change)s to %(size)s"),
    (True, True, True): gettext_noop("Stage '%(name)s' grew by %(change)s (%(share)s) to %(size)s"),
    (True, True, False): gettext_noop("Stage '%(name)s' grew by %(change)s to %(size)s"),
    (True, False, True): gettext_noop("Stage '%(name)s' shrank by %(change)s (%(share)s) to %(size)s"),
    (True, False, False): gettext_noop("Stage '%(name)s' shrank by %(change)s to %(size)s"),
}
"""Sentences by: is it a stage, did it grow, is the change known in percent."""

MISSED_DAYS: Final[Mapping[bool, tuple[str, str]]] = {
    False: ngettext_noop(
        "No load succeeded on the day to compare with, so this is the change of %(count)s day instead of %(days)s.",
        "No load succeeded on the day to compare with, so this is the change of %(count)s days instead of %(days)s.",
    ),
    True: ngettext_noop(
        "No scan succeeded on the day to compare with, so this is the change of %(count)s day instead of %(days)s.",
        "No scan succeeded on the day to compare with, so this is the change of %(count)s days instead of %(days)s.",
    ),
}
"""Sentences about segments (False) and stages (True)."""

NO_STAGE_CONTEXT: Final = gettext_noop(
    "amoCRM shows no change of this stage, of the rules of others, of fields or of the account around that time, and "
    "no stage that came or went."
)


def describe_context(alert: NewAlert, changes: Sequence[Change], gaps: Sequence[Gap], formats: Formats) -> list[Event]:
    """List changes of the account, segment or stage between the two sizes or in the day before, latest first.

    Other segments or stages count if they came or went, since they may have taken or left
    customers; other stages also if their rules were edited, since those move customers.

    amoCRM's API does not return a segment's conditions, so edits of them are never included.
    """
    since, until = alert.previous_observed_at - LOOK_BACK, alert.observed_at
    relevant_changes = [
        change
        for change in changes
        if since < change.observed_at <= until
        and (
            change.thing != ("stage" if alert.is_stage else "segment")
            or change.thing_id == alert.place_id
            or change.change in ("added", "deleted", "returned")
            or change.property == "conditions"
        )
    ]
    overlapping_gaps = [
        gap for gap in gaps if gap.after_at < until and gap.until_at and gap.until_at > alert.previous_observed_at
    ]
    events = [*change_events(relevant_changes, formats), *(gap_event(gap, formats) for gap in overlapping_gaps)]
    return sorted(events, key=lambda event: event.at, reverse=True)


def describe_alert(alert: NewAlert, context: Sequence[Event], flows: ScannedFlows | None, formats: Formats) -> str:
    """Describe the alert in a few lines."""
    language = formats.language
    lines = [
        language.gettext(
            "%(moved)s. Rule: %(rule)s.",
            moved=_describe_move(alert, formats),
            rule=alert.rule,
        ),
        language.gettext(
            "Compared: %(before)s on %(before_time)s, %(now)s on %(now_time)s (%(timezone)s).",
            before=formats.number(alert.previous_count),
            before_time=formats.timestamp(alert.previous_observed_at),
            now=formats.number(alert.customers_count),
            now_time=formats.timestamp(alert.observed_at),
            timezone=formats.timezone.key,
        ),
    ]
    if alert.missed_days:
        lines.append(language.ngettext(*MISSED_DAYS[alert.is_stage], alert.days + alert.missed_days, days=alert.days))
    if flows:
        lines.append(describe_scanned_flows(flows, formats))
    if not context:
        lines.append(language.gettext(NO_STAGE_CONTEXT if alert.is_stage else NO_CONTEXT))
    else:
        lines.append(language.gettext("Around it:"))
        lines += [f"- {formats.day(event.date)}: {event.text}" for event in context[:MAX_CONTEXT_EVENTS]]
        hidden_count = len(context) - MAX_CONTEXT_EVENTS
        if hidden_count > 0:
            lines.append("- " + language.ngettext("and %(count)s more", "and %(count)s more", hidden_count))
    return "\n".join(lines)


def describe_scanned_flows(flows: ScannedFlows, formats: Formats) -> str:
    """Describe who came from where and went where, and between which scans."""
    scans = formats.language.gettext(
        "Scans: %(first)s and %(last)s.", first=formats.day(flows.first_date), last=formats.day(flows.last_date)
    )
    return f"{describe_flows(flows, formats, most=MAX_FLOWS_IN_TEXT)} {scans}"


def _describe_move(alert: NewAlert, formats: Formats) -> str:
    """Describe the change of size, without a full stop."""
    change = alert.customers_count - alert.previous_count
    share = formats.percent(percent_change(alert.previous_count, alert.customers_count))
    return formats.language.gettext(
        MOVES[alert.is_stage, change > 0, bool(share)],
        name=display_name(alert.place_name, alert.place_id),
        change=formats.number(abs(change)),
        share=share,
        size=formats.number(alert.customers_count),
    )
