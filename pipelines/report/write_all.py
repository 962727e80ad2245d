"""Write the reports of many accounts, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from pipelines.base.errors import DatabaseUnavailable
from pipelines.config.settings import Settings
from pipelines.report.write import write_report

MAX_THREADS: Final = 4
"""Reports written at once. Most of the time is Postgres's; more threads wait for Python's global lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportResult:
    """The report of one account, or why it was not written."""

    account_key: str
    file: Path
    error: Exception | None


def write_reports(
    engine: Engine, account_keys: Sequence[str], settings: Settings, *, now: datetime, is_simulated: bool = False
) -> Iterator[ReportResult]:
    """Write the reports and yield the results in the given order.

    One account's error does not affect another. Raises ``DatabaseUnavailable``, which affects all.
    """

    def write(key: str) -> ReportResult:
        """Write one report. Raises ``DatabaseUnavailable``; other errors become part of the result."""
        file, error = settings.report_file(key), None
        try:
            write_report(engine, key, file, now=now, is_simulated=is_simulated, language=settings.account_language(key))
        except DatabaseUnavailable:
            raise
        except Exception as caught:  # noqa: BLE001 - one account's error must not stop the others
            error = caught
        return ReportResult(account_key=key, file=file, error=error)

    executor = ThreadPoolExecutor(min(settings.threads, MAX_THREADS), thread_name_prefix="report")
    try:
        yield from executor.map(write, account_keys)
    finally:
        executor.shutdown(cancel_futures=True)
