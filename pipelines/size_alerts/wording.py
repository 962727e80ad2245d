"""An event in words, in the days and numbers of its account, with what changed around it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pipelines.report.events import NOTHING_AROUND, Event, change_events, gap_event
from pipelines.report.figures import Gap
from pipelines.report.formats import Formats
from pipelines.size_alerts.decide import Begun
from pipelines.size_alerts.message import MOST_AROUND, percent
from pipelines.wording import Change, clean

LOOK_BACK: Final = timedelta(days=1)
"""What changed so long before the first of the two snapshots may show in sizes only after it."""


def around(one: Begun, changes: Sequence[Change], gaps: Sequence[Gap], formats: Formats) -> list[Event]:
    """What changed between the two snapshots or in the day before, in the account or this segment; the newest first.

    amoCRM does not tell the conditions of a segment, so an edit of those is never among them.
    """
    since, until = one.previous_observed_at - LOOK_BACK, one.observed_at
    own = [
        change
        for change in changes
        if since < change.observed_at <= until and (change.thing != "segment" or change.thing_id == one.segment_id)
    ]
    within = [gap for gap in gaps if gap.after_at < until and gap.until_at and gap.until_at > one.previous_observed_at]
    found = [*change_events(own, formats), *(gap_event(gap, formats) for gap in within)]
    return sorted(found, key=lambda event: event.at, reverse=True)


def message(one: Begun, beside: Sequence[Event], formats: Formats) -> str:
    """The event in a few lines."""
    change = one.customers_count - one.previous_count
    share = formats.percent(percent(one.previous_count, one.customers_count))
    moved = f"{'grew' if change > 0 else 'shrank'} by {formats.number(abs(change))}{f' ({share})' if share else ''}"
    lines = [
        f"Segment '{clean(one.segment_name or str(one.segment_id))}' {moved} to {formats.number(one.customers_count)}. "
        f"Rule: {one.rule}.",
        f"Compared: {formats.number(one.previous_count)} on {formats.moment(one.previous_observed_at)}, "
        f"{formats.number(one.customers_count)} on {formats.moment(one.observed_at)} ({formats.timezone.key}).",
    ]
    if one.missed_days:
        lines.append(
            f"No load succeeded on the day to compare with, so this is the change of {one.days + one.missed_days} days "
            f"in place of {one.days}."
        )
    if not beside:
        lines.append(NOTHING_AROUND)
    else:
        lines.append("Around it:")
        lines += [f"- {formats.day(event.date)}: {event.text}" for event in beside[:MOST_AROUND]]
        if len(beside) > MOST_AROUND:
            lines.append(f"- and {len(beside) - MOST_AROUND} more")
    return "\n".join(lines)
