"""All accounts in a line each: contents, largest segment or stage and its trend, largest change, state of the loads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from pipelines.base.language import Language
from pipelines.base.text import to_single_line
from pipelines.report.sizes import ReportDay
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MAX_MESSAGE_LENGTH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountLine:
    """A row of the query ``report_accounts``; sizes are of segments, or of stages in their mode, None without any."""

    account_key: str
    name: str | None
    customers_mode: str
    timezone: str
    country: str | None
    observed_at: datetime
    observed_date: date
    is_late: bool
    failure_count: int  # since the latest snapshot
    last_message: str | None
    segment_count: int
    stage_count: int
    place_id: int | None  # the largest segment or stage
    place_name: str | None
    customers_count: int | None
    change_7_days: int | None
    change_30_days: int | None
    last_counts: list[int | None]  # oldest first; None on days without a load or scan
    mover_id: int | None  # the segment or stage that changed most within 7 days
    mover_name: str | None
    mover_change: int | None

    @property
    def is_healthy(self) -> bool:
        """True if no load is missing and none failed since the latest snapshot."""
        return not (self.is_late or self.failure_count)

    @property
    def days(self) -> list[ReportDay]:
        """Sizes of the largest segment or stage by day, from the first that is known."""
        dates = (self.observed_date - timedelta(days=ago) for ago in reversed(range(len(self.last_counts))))
        days = [
            ReportDay(date=day, size=size, is_observed=size is not None)
            for day, size in zip(dates, self.last_counts, strict=True)
        ]
        first = next((number for number, day in enumerate(days) if day.is_observed), len(days))
        return days[first:]


def read_account_lines(engine: Engine, *, days: int) -> list[AccountLine]:
    """Read a line of each account that was ever loaded, by key, with the sizes of ``days`` days."""
    with transaction(engine) as connection:
        return [
            AccountLine(**row._asdict()) for row in connection.execute(statement("report_accounts"), {"days": days})
        ]


def read_failures_before_first_load(engine: Engine) -> dict[str, str]:
    """Read the last error of each account that was never loaded, by key."""
    with transaction(engine) as connection:
        return {row.account_key: row.message for row in connection.execute(statement("report_never_loaded"))}


def describe_contents(line: AccountLine, language: Language) -> str:
    """Describe what an account has: segments, stages, or neither."""
    match line.customers_mode:
        case "segments":
            return language.ngettext("%(count)s segment", "%(count)s segments", line.segment_count)
        case "periodicity":
            return language.ngettext("%(count)s stage", "%(count)s stages", line.stage_count)
        case "unavailable":
            return language.gettext("plan without customers")
        case _:
            return language.gettext("customers switched off")


def describe_problems(line: AccountLine, language: Language) -> Iterator[str]:
    """Yield a sentence for missing loads, and one for failed ones with the last error."""
    if line.is_late:
        yield language.gettext("A load is missing.")
    if line.failure_count:
        yield language.ngettext(
            "%(count)s load failed since: %(message)s",
            "%(count)s loads failed since: %(message)s",
            line.failure_count,
            message=to_single_line(line.last_message or "", MAX_MESSAGE_LENGTH),
        )
