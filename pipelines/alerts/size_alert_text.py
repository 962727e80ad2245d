"""Text of a size alert, in the number and date formats of its account, with changes around it.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pipelines.alerts.size_alert import MAX_CONTEXT_EVENTS, percent_change
from pipelines.alerts.size_rules import NewAlert
from pipelines.base.text import display_name
from pipelines.report.events import NO_CONTEXT, Event, change_events, gap_event
from pipelines.report.figures import Gap
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change

LOOK_BACK: Final = timedelta(days=1)
"""Time before the first of the two snapshots: a change then may affect sizes only later."""


def describe_context(alert: NewAlert, changes: Sequence[Change], gaps: Sequence[Gap], formats: Formats) -> list[Event]:
    """List changes of the account or segment between the two snapshots or in the day before, latest first.

    Other segments count if they came or went, since they may have taken or left customers.

    amoCRM's API does not return a segment's conditions, so edits of them are never included.
    """
    since, until = alert.previous_observed_at - LOOK_BACK, alert.observed_at
    relevant_changes = [
        change
        for change in changes
        if since < change.observed_at <= until
        and (
            change.thing != "segment"
            or change.thing_id == alert.segment_id
            or change.change in ("added", "deleted", "returned")
        )
    ]
    overlapping_gaps = [
        gap for gap in gaps if gap.after_at < until and gap.until_at and gap.until_at > alert.previous_observed_at
    ]
    events = [*change_events(relevant_changes, formats), *(gap_event(gap, formats) for gap in overlapping_gaps)]
    return sorted(events, key=lambda event: event.at, reverse=True)


def describe_alert(alert: NewAlert, context: Sequence[Event], formats: Formats) -> str:
    """Describe the alert in a few lines."""
    name = display_name(alert.segment_name, alert.segment_id)
    change = alert.customers_count - alert.previous_count
    share = formats.percent(percent_change(alert.previous_count, alert.customers_count))
    moved = f"{'grew' if change > 0 else 'shrank'} by {formats.number(abs(change))}{f' ({share})' if share else ''}"
    lines = [
        f"Segment '{name}' {moved} to {formats.number(alert.customers_count)}. Rule: {alert.rule}.",
        f"Compared: {formats.number(alert.previous_count)} on {formats.timestamp(alert.previous_observed_at)}, "
        f"{formats.number(alert.customers_count)} on {formats.timestamp(alert.observed_at)} ({formats.timezone.key}).",
    ]
    if alert.missed_days:
        lines.append(
            "No load succeeded on the day to compare with, so this is the change of"
            f" {alert.days + alert.missed_days} days instead of {alert.days}."
        )
    if not context:
        lines.append(NO_CONTEXT)
    else:
        lines.append("Around it:")
        lines += [f"- {formats.day(event.date)}: {event.text}" for event in context[:MAX_CONTEXT_EVENTS]]
        if len(context) > MAX_CONTEXT_EVENTS:
            lines.append(f"- and {len(context) - MAX_CONTEXT_EVENTS} more")
    return "\n".join(lines)
