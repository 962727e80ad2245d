"""Write the report to a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from pipelines.base.atomic_file import write_file
from pipelines.report.figures import read_figures
from pipelines.report.formats import Formats
from pipelines.report.headline import describe_account
from pipelines.report.page import render_page

LOCATION_ADVICE: Final = "Choose a folder with free space in which this user may write: AMOCRM_REPORT_DIR, or --output."


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenReport:
    """A written report."""

    file: Path
    byte_count: int
    observed_at: datetime  # of the latest snapshot in it
    headline: str  # the account's state in one line


def write_report(
    engine: Engine,
    account_key: str,
    file: Path,
    *,
    now: datetime,
    is_simulated: bool = False,
    language: str | None = None,
) -> WrittenReport:
    """Write an account's report to one HTML file, atomically. Without a language it is in that of the country.

    Raises ``DatabaseError`` if there is no snapshot yet, and ``SettingsError`` if the file cannot
    be written.
    """
    figures = read_figures(engine, account_key)
    formats = Formats.for_account(figures.state.country, figures.state.timezone, language)
    page = render_page(figures, now=now, is_simulated=is_simulated, language=language).encode()
    write_file(file, page, account=account_key, advice=LOCATION_ADVICE)
    return WrittenReport(
        file=file,
        byte_count=len(page),
        observed_at=figures.state.observed_at,
        headline=describe_account(figures, formats),
    )
