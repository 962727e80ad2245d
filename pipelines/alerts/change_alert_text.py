"""Text of an alert on changes: what changed between which loads, who did it, and the command that restores it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from pipelines.alerts.change_alert import MAX_CHANGES_IN_TEXT, ReportedChange
from pipelines.base.language import gettext_noop
from pipelines.base.program import with_program_name
from pipelines.base.text import to_single_line
from pipelines.report.change_sentences import describe_changes
from pipelines.report.events import localize_values
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change

NOT_RESTORABLE: Final = gettext_noop(
    "amoCRM's API cannot restore rules, bonus points and the mode: set them in amoCRM."
)


def describe_change(change: Change, who: str | None, reason: str | None, formats: Formats) -> str:
    """Describe a change in a sentence, such as "Segment 'VIP' deleted (id 7), by ann@desk: no longer used."."""
    language = formats.language
    [sentence] = describe_changes([localize_values(change, formats)], language)
    text = f"{sentence.text[:1].upper()}{sentence.text[1:]}"
    text += "" if change.thing == "account" else f" (id {change.thing_id})"
    if who and reason:
        return language.gettext(
            "%(change)s, by %(who)s: %(reason)s.",
            change=text,
            who=to_single_line(who),
            reason=to_single_line(reason),
        )
    return language.gettext("%(change)s, by %(who)s.", change=text, who=to_single_line(who)) if who else f"{text}."


def describe_alert(changes: Sequence[ReportedChange], total_count: int, formats: Formats, account_option: str) -> str:
    """Describe the first changes, grouped by the load that showed them, each with the command that restores it.

    ``account_option`` chooses the account in commands, such as '--account acme'.
    """
    shown, language = changes[:MAX_CHANGES_IN_TEXT], formats.language
    lines = []
    for (before, after), group in groupby(shown, key=lambda row: (row.previous_observed_at, row.observed_at)):
        rows = list(group)
        lines.append(
            language.gettext(
                "Between %(before)s and %(after)s (%(timezone)s):",
                before=formats.timestamp(before),
                after=formats.timestamp(after),
                timezone=formats.timezone.key,
            )
        )
        lines += [f"- {row.sentence}" for row in rows]
        if any(row.is_restorable for row in rows):
            lines.append(language.gettext("To restore: %(command)s", command=restore_command(rows, account_option)))
    if total_count > len(shown):
        report = with_program_name(f"./run report {account_option}")
        lines.append(
            language.ngettext(
                "And %(count)s more: %(command)s",
                "And %(count)s more: %(command)s",
                total_count - len(shown),
                command=report,
            )
        )
    if any(row.kind in ("rules", "mode") or (row.kind == "prices" and not row.is_restorable) for row in shown):
        lines.append(language.gettext(NOT_RESTORABLE))
    return "\n".join(lines)


def restore_command(rows: Sequence[ReportedChange], account_option: str) -> str:
    """Build the command that restores what one load showed to have changed.

    If ``rows`` are a part of the load's changes, everything is restored.
    """
    command = f"./run restore {account_option} --as-of {rows[0].previous_observed_at.isoformat()}"
    if rows[0].load_count == len(rows):
        entities = dict.fromkeys((row.thing, row.thing_id) for row in rows if row.is_restorable)
        command += "".join(f" --{thing} {thing_id}" for thing, thing_id in entities)
    return with_program_name(command)
