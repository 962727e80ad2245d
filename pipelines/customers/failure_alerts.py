"""Alerts about scans that fail or work again: what is new about each account, once.

Dagster and ``sync --customers --notify`` send the same texts and share what was sent
(``amocrm.failure_notice``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Engine

from pipelines.alerts.delivery import AlertNotSent
from pipelines.alerts.load_outcomes import read_failing_keys, transitions_of_scans
from pipelines.base.clock import Clock
from pipelines.base.errors import (
    Blocked,
    DatabaseUnavailable,
    MustAuthorize,
    Superseded,
    Unauthorized,
    WarehouseError,
)
from pipelines.config.receivers import Receiver
from pipelines.config.settings import Settings
from pipelines.load.failure_alerts import fleet_alerts, send_once
from pipelines.load.result import ErrorReport, LoadResult

UNREPORTED_ERRORS: Final = frozenset(
    error.__name__ for error in (Unauthorized, MustAuthorize, Blocked, DatabaseUnavailable, Superseded)
)
"""Errors that the account's next load meets too, so that its alert reports them; and that of two scans at once."""


def notify_of_scans(
    engine: Engine,
    receivers: Sequence[Receiver],
    outcomes: Mapping[str, ErrorReport | None],
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None = None,
    link: str | None = None,
) -> str | None:
    """Send alerts about scans, an error or None by account key, and return the errors of receivers. Raises nothing.

    A failure is not reported while the account's loads fail, or if they will meet the same error:
    an expired token alerts once.
    """
    if not receivers:
        return None
    failures = []
    try:
        failing = read_failing_keys(engine)
        now = clock.now()
        reported = {
            key: failure
            for key, failure in outcomes.items()
            if failure is None or (key not in failing and failure.error not in UNREPORTED_ERRORS)
        }
        results = [
            LoadResult(
                account_key=key,
                started_at=now,
                ended_at=now,
                status="failed" if failure else "loaded",
                failure=failure,
            )
            for key, failure in reported.items()
        ]
        errors = {key: failure.error if failure else None for key, failure in reported.items()}
        transitions = transitions_of_scans(engine, errors, now)
        for found, events in fleet_alerts(results, transitions, settings, is_scan=True):
            alert = replace(found, run_id=run_id, link=link)
            failures.append(send_once(engine, receivers, alert, events, sleep=clock.sleep))
    except (AlertNotSent, WarehouseError) as error:
        failures.append(error.message if isinstance(error, WarehouseError) else str(error))
    return " ".join(filter(None, failures)) or None
