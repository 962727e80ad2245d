"""Text summary of a fleet: how many accounts were loaded, which failed, why, and what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.base.language import gettext_noop, join_texts, lazy_gettext, lazy_ngettext
from pipelines.base.text import join_names
from pipelines.load.result import FailureGroup, LoadResult, Status, group_failures

LINE_WIDTH: Final = 110
MAX_NAMED_ACCOUNTS: Final = 200
"""Accounts that one cause lists by name. 'sync --retry-failed' loads all of them again, named or
not."""

MAX_ACCOUNTS_IN_ALERT: Final = 20
"""Accounts with one cause that an alert names."""

MAX_FAILURE_GROUPS: Final = 20
"""Causes with the same advice that are listed separately, those with most accounts first."""

NOT_LOADED: Final = gettext_noop("%(count)s of %(total)s accounts were not loaded.")
NOT_SCANNED: Final = gettext_noop("%(count)s of %(total)s accounts were not scanned.")

NOT_LOADED_STATUSES: Final[tuple[Status, ...]] = ("failed", "superseded", "skipped")


def format_headline(results: Collection[LoadResult], *, seconds: float | None = None) -> str:
    """Format the counts as one line without a full stop."""
    counts = Counter(result.status for result in results)
    loads = [result.loaded for result in results if result.loaded]
    parts = [
        f"{counts['loaded']:,} of {len(results):,} accounts loaded",
        *(f"{counts[status]:,} {status}" for status in NOT_LOADED_STATUSES if counts[status]),
        f"{sum(load.extracted.request_count for load in loads):,} requests",
        f"{sum(load.published.size_change_count for load in loads):,} sizes changed",
        *([] if seconds is None else [f"{seconds:.1f} s"]),
    ]
    return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureSummary:
    """Failures of a fleet in one text."""

    error: str  # names of the errors
    message: str
    advice: str  # by error


def describe_failures(results: Collection[LoadResult], *, is_scan: bool = False) -> FailureSummary:
    """Describe all failures of a fleet's loads or scans in one text, so that one alert covers all of them."""
    causes = group_failures(results)
    details = "; ".join(
        f"{join_names(cause.account_keys, MAX_ACCOUNTS_IN_ALERT)}: {cause.error}, {cause.message}"
        for cause in causes[:MAX_FAILURE_GROUPS]
    )
    hidden_count = len(causes) - MAX_FAILURE_GROUPS
    return FailureSummary(
        error=", ".join(dict.fromkeys(cause.error for cause in causes)),
        message=join_texts(
            lazy_gettext(
                NOT_SCANNED if is_scan else NOT_LOADED,
                count=sum(len(cause.account_keys) for cause in causes),
                total=len(results),
            ),
            details,
            lazy_ngettext("And %(count)s more cause.", "And %(count)s more causes.", hidden_count)
            if hidden_count > 0
            else "",
        ),
        advice=" ".join(dict.fromkeys(f"{cause.error}: {cause.advice}" for cause in causes if cause.advice)),
    )


def format_failures(results: Collection[LoadResult]) -> Sequence[str]:
    """Format one paragraph per error and advice, with the accounts and their messages."""
    by_advice: dict[tuple[str, str], list[FailureGroup]] = {}
    for group in group_failures(results):
        by_advice.setdefault((group.error, group.advice), []).append(group)
    return [_format_failure_paragraph(groups) for groups in by_advice.values()]


def _format_failure_paragraph(groups: Sequence[FailureGroup]) -> str:
    """Format causes with the same advice; if there are several, list each one's accounts beside its message."""
    keys = [key for group in groups for key in group.account_keys]
    heading = f"{groups[0].error}, {len(keys):,} account{'' if len(keys) == 1 else 's'}"
    if len(groups) == 1:
        first = f", to {keys[0]}" if len(keys) > 1 else ""
        lines = [f"{heading}: {join_names(keys, MAX_NAMED_ACCOUNTS)}", f"What happened{first}: {groups[0].message}"]
    else:
        lines = [heading]
        for group in groups[:MAX_FAILURE_GROUPS]:
            lines.append(f"What happened, to {join_names(group.account_keys, MAX_NAMED_ACCOUNTS)}: {group.message}")
        if omitted := [key for group in groups[MAX_FAILURE_GROUPS:] for key in group.account_keys]:
            lines.append(f"Something else, to {join_names(omitted, MAX_NAMED_ACCOUNTS)}: see analytics.load_outcomes.")
    lines += [f"What to do: {groups[0].advice}"] if groups[0].advice else []
    return "\n".join(
        textwrap.fill(part, LINE_WIDTH, subsequent_indent="    ") for line in lines for part in line.splitlines()
    )
