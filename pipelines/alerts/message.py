"""An event in words, in the days and numbers of its account, with what changed around it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pipelines.alerts.evaluate import NewAlert
from pipelines.alerts.size_alert import MAX_CONTEXT_EVENTS, percent_change
from pipelines.base.text import to_single_line
from pipelines.report.events import NO_CONTEXT, Event, change_events, gap_event
from pipelines.report.figures import Gap
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change

LOOK_BACK: Final = timedelta(days=1)
"""What changed so long before the first of the two snapshots may show in sizes only after it."""


def describe_context(alert: NewAlert, changes: Sequence[Change], gaps: Sequence[Gap], formats: Formats) -> list[Event]:
    """What changed between the two snapshots or in the day before, in the account or this segment; the newest first.

    amoCRM does not tell the conditions of a segment, so an edit of those is never among them.
    """
    since, until = alert.previous_observed_at - LOOK_BACK, alert.observed_at
    relevant_changes = [
        change
        for change in changes
        if since < change.observed_at <= until and (change.thing != "segment" or change.thing_id == alert.segment_id)
    ]
    overlapping_gaps = [
        gap for gap in gaps if gap.after_at < until and gap.until_at and gap.until_at > alert.previous_observed_at
    ]
    events = [*change_events(relevant_changes, formats), *(gap_event(gap, formats) for gap in overlapping_gaps)]
    return sorted(events, key=lambda event: event.at, reverse=True)


def describe_event(alert: NewAlert, context: Sequence[Event], formats: Formats) -> str:
    """The event in a few lines."""
    change = alert.customers_count - alert.previous_count
    share = formats.percent(percent_change(alert.previous_count, alert.customers_count))
    moved = f"{'grew' if change > 0 else 'shrank'} by {formats.number(abs(change))}{f' ({share})' if share else ''}"
    lines = [
        f"Segment '{to_single_line(alert.segment_name or str(alert.segment_id))}' {moved} to {formats.number(alert.customers_count)}. "
        f"Rule: {alert.rule}.",
        f"Compared: {formats.number(alert.previous_count)} on {formats.timestamp(alert.previous_observed_at)}, "
        f"{formats.number(alert.customers_count)} on {formats.timestamp(alert.observed_at)} ({formats.timezone.key}).",
    ]
    if alert.missed_days:
        lines.append(
            f"No load succeeded on the day to compare with, so this is the change of {alert.days + alert.missed_days} days "
            f"in place of {alert.days}."
        )
    if not context:
        lines.append(NO_CONTEXT)
    else:
        lines.append("Around it:")
        lines += [f"- {formats.day(event.date)}: {event.text}" for event in context[:MAX_CONTEXT_EVENTS]]
        if len(context) > MAX_CONTEXT_EVENTS:
            lines.append(f"- and {len(context) - MAX_CONTEXT_EVENTS} more")
    return "\n".join(lines)
