"""Page of all accounts, with links to their reports: ``accounts.html.jinja`` with its style and script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from markupsafe import Markup
from sqlalchemy import Engine

from pipelines.base.atomic_file import write_file
from pipelines.base.language import Language
from pipelines.base.text import display_name, to_single_line
from pipelines.base.timezone import stored_timezone
from pipelines.config.settings import Settings, UnusableAccount
from pipelines.report.accounts import (
    MAX_MESSAGE_LENGTH,
    AccountLine,
    describe_contents,
    describe_problems,
    read_account_lines,
    read_failures_before_first_load,
)
from pipelines.report.chart import size_sparkline
from pipelines.report.formats import Formats
from pipelines.report.page import build_environment, read_template_file
from pipelines.report.write import LOCATION_ADVICE

TREND_DAYS: Final = 60
"""Days of the trend of the largest segment or stage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """A row of the page."""

    key: str
    title: str
    link: str | None  # to the report; None if there is none
    line: AccountLine | None  # None before the first load
    details: str  # key and contents
    trend: Markup
    loaded_at: str  # in the account's timezone
    problems: str  # empty if there are none
    is_former: bool  # in the warehouse, no longer in the settings


def write_accounts_page(
    engine: Engine,
    settings: Settings,
    *,
    now: datetime,
    errors: Mapping[str, str] | None = None,
    is_simulated: bool = False,
) -> Path:
    """Write the page beside the reports, atomically, and return its file.

    ``errors`` says, by account, why a report could not be written. Raises ``SettingsError`` if the
    file cannot be written.
    """
    lines = read_account_lines(engine, days=TREND_DAYS)
    never_loaded = read_failures_before_first_load(engine) if settings.all_accounts else {}
    formats = Formats.for_account(None, "UTC", settings.language)
    rows = sorted(
        build_rows(lines, settings, errors=never_loaded | dict(errors or {}), formats=formats),
        key=lambda row: (row.is_former, not row.problems, row.title.casefold(), row.key),
    )
    file = settings.report_file(page_name([row.key for row in rows]))
    page = render_accounts_page(rows, formats, now=now, is_simulated=is_simulated)
    write_file(file, page.encode(), account=None, advice=LOCATION_ADVICE)
    return file


def page_name(keys: Collection[str]) -> str:
    """Return the page's name without its suffix: index, unless an account has this key."""
    return "_index" if "index" in keys else "index"


def build_rows(
    lines: Iterable[AccountLine], settings: Settings, *, errors: Mapping[str, str], formats: Formats
) -> Iterator[AccountRow]:
    """Yield a row of each account that is in the warehouse or in the settings."""
    known = {line.account_key: line for line in lines}
    wanted = {account.key: account for account in settings.all_accounts}
    for key in sorted(known.keys() | wanted.keys()):
        line, account = known.get(key), wanted.get(key)
        is_former = bool(wanted) and account is None
        reasons = [account.problems] if isinstance(account, UnusableAccount) else []
        reasons += [errors[key]] if key in errors else []
        title = display_name(line.name if line else None, key)
        details = [] if title == key else [key]
        details += [describe_contents(line, formats.language)] if line else []
        yield AccountRow(
            key=key,
            title=title,
            link=f"{key}.html" if settings.report_file(key).is_file() else None,
            line=line,
            details=" · ".join(details),
            # Safe: of numbers, without text from amoCRM.
            trend=Markup(size_sparkline(line.days) if line else ""),  # noqa: S704
            loaded_at=replace(formats, timezone=stored_timezone(line.timezone)).timestamp(line.observed_at)
            if line
            else "",
            problems="" if is_former else " ".join(_describe(line, reasons, formats.language)),
            is_former=is_former,
        )


def _describe(line: AccountLine | None, reasons: Iterable[str], language: Language) -> Iterator[str]:
    if line is None:
        yield language.gettext("Not loaded yet.")
    else:
        yield from describe_problems(line, language)
    yield from (to_single_line(reason, MAX_MESSAGE_LENGTH) for reason in reasons)


def render_accounts_page(rows: list[AccountRow], formats: Formats, *, now: datetime, is_simulated: bool = False) -> str:
    """Render the page. Its only script sorts the table, and is allowed by its hash."""
    environment = build_environment(formats)
    script = read_template_file(environment, "accounts.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("accounts.html.jinja").render(
        rows=rows,
        now=now,
        is_simulated=is_simulated,
        trend_days=TREND_DAYS,
        troubled_count=sum(bool(row.problems) for row in rows),
        accounts_stylesheet=Markup(read_template_file(environment, "accounts.css")),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704 - a file of ours
        script_hash=f"sha256-{digest}",
    )
