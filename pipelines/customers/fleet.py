"""Scans of several accounts, one after another: their requests come from one address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Engine

from pipelines.alerts.size_alerts import send_size_alerts
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import Blocked, DatabaseUnavailable, RateLimited
from pipelines.config.settings import AnyAccount, Settings
from pipelines.customers.publish_scan import PublishedScan
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.load.result import ErrorReport, report_error

STOPPING_ERRORS = (Blocked, RateLimited, DatabaseUnavailable)
"""Errors after which no further account is scanned."""


def scan_accounts(
    engine: Engine,
    accounts: Sequence[AnyAccount],
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    on_error: Callable[[Exception], object] = lambda _: None,
    may_start: Callable[[AnyAccount], bool] = lambda _: True,
) -> Iterator[tuple[str, PublishedScan | ErrorReport]]:
    """Scan the accounts, send their alerts on sizes of stages, and yield each result with the account's key.

    Errors are returned, never raised. An account is skipped if its turn comes when ``may_start`` is False. A scan that
    has begun is finished.
    """
    for account in filter(may_start, accounts):
        context = LoadContext(engine, account, settings, clock=clock)
        try:
            scanned = scan_customers(context)
        except Exception as error:  # noqa: BLE001 - one account's error does not affect the others
            on_error(error)
            yield account.key, report_error(error, account.key)
            if isinstance(error, STOPPING_ERRORS):
                return
        else:
            alerts = send_size_alerts(engine, context.account, settings, is_stage=True, clock=clock)
            yield account.key, replace(scanned, alert_error=alerts.failure)
