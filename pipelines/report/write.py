"""The report as a file: read, drawn, and put in its place whole. Where that place is, the caller says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from pipelines.errors import SettingsError
from pipelines.report.figures import read_figures
from pipelines.report.formats import Formats
from pipelines.report.page import render
from pipelines.report.state import headline


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A report that was written."""

    file: Path
    byte_count: int
    observed_at: datetime  # the newest snapshot that is in it
    headline: str  # the account's state in one line


def write_report(engine: Engine, account_key: str, file: Path, *, now: datetime, is_simulated: bool = False) -> Report:
    """Write what is known of an account as one HTML file, in place of what is there.

    Whoever reads it meanwhile has the old one or the new one. Raises ``DatabaseError`` where there is no snapshot yet,
    and ``SettingsError`` where the file cannot be written.
    """
    figures = read_figures(engine, account_key)
    page = render(figures, now=now, is_simulated=is_simulated).encode()
    try:
        write_whole(file, page)
    except OSError as error:
        raise SettingsError(
            f"The report cannot be written to {file}: {error.strerror}.",
            account=account_key,
            advice="Name a place where this user may write: AMOCRM_REPORT_DIR, or --output of the command.",
        ) from None
    return Report(
        file=file,
        byte_count=len(page),
        observed_at=figures.state.observed_at,
        headline=headline(figures, Formats.of_account(figures.state.country, figures.state.timezone)),
    )


def write_whole(file: Path, contents: bytes) -> None:
    """Write a file aside, then put it in its place; the folder is made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(contents)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
