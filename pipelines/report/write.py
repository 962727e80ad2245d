"""The report as a file: read, drawn, and put in its place whole. Where that place is, the caller says."""

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

LOCATION_ADVICE: Final = (
    "Name a place that has room for it and where this user may write: AMOCRM_REPORT_DIR, or --output."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenReport:
    """A report that was written."""

    file: Path
    byte_count: int
    observed_at: datetime  # the newest snapshot that is in it
    headline: str  # the account's state in one line


def write_report(
    engine: Engine, account_key: str, file: Path, *, now: datetime, is_simulated: bool = False
) -> WrittenReport:
    """Write what is known of an account as one HTML file, in place of what is there.

    Whoever reads it meanwhile has the old one or the new one. Raises ``DatabaseError`` where there is no snapshot yet,
    and ``SettingsError`` where the file cannot be written.
    """
    figures = read_figures(engine, account_key)
    page = render_page(figures, now=now, is_simulated=is_simulated).encode()
    write_file(file, page, account=account_key, advice=LOCATION_ADVICE)
    return WrittenReport(
        file=file,
        byte_count=len(page),
        observed_at=figures.state.observed_at,
        headline=describe_account(figures, Formats.for_account(figures.state.country, figures.state.timezone)),
    )
