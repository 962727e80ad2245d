"""Send an account's alerts after a load. An error here never fails the load."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from pipelines.alerts.change_alerts import send_change_alerts
from pipelines.alerts.delivery import AlertNotSent, retry_undelivered
from pipelines.alerts.size_alerts import SendResult, send_size_alerts
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import WarehouseError
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertsResult:
    """Result of sending alerts."""

    sizes: SendResult = field(default_factory=SendResult)
    change_count: int = 0  # changes that a receiver was told of
    failure: str | None = None  # the errors; the next load retries


def send_alerts(
    engine: Engine, account: AccountSettings, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
) -> AlertsResult:
    """Send the alerts on sizes and changes, and those that a receiver did not take before.

    Call after each published load. Does nothing without receivers. Errors are returned, never raised.
    """
    if not settings.receivers:
        return AlertsResult()
    sizes = send_size_alerts(engine, account, settings, clock=clock)
    change_count, failures = 0, [sizes.failure]
    try:
        change_count, failure = send_change_alerts(engine, account, settings, clock)
        failures.append(failure)
        with transaction(engine, account=account.key) as connection:
            failures.append(retry_undelivered(connection, settings.receivers, sleep=clock.sleep))
    except Exception as error:  # noqa: BLE001 - the load is published and must not fail
        failures.append(describe_error(error))
    return AlertsResult(
        sizes=sizes, change_count=change_count, failure=" ".join(dict.fromkeys(filter(None, failures))) or None
    )


def describe_error(error: Exception) -> str:
    """Describe an error without what it may contain of an address."""
    match error:
        case WarehouseError():
            return error.message
        case AlertNotSent():
            return str(error)
        case _:
            return f"Unexpected error: {type(error).__name__}."
