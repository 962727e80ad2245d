"""Send size alerts: of segments after a load, of stages after a scan. An error here fails neither.

Stages are evaluated in periodicity mode only. In segments mode customers still have stages, but
amoCRM neither lists nor shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine

from pipelines.alerts import size_alert_store as store
from pipelines.alerts.delivery import RETRY_WAITS, AlertNotSent, deliver, keep_undelivered
from pipelines.alerts.place_flows import ScannedFlows
from pipelines.alerts.size_alert import SizeAlert, SizeAlertBatch
from pipelines.alerts.size_rules import NewAlert, SizeComparison, evaluate_rules
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import WarehouseError
from pipelines.base.language import language_for
from pipelines.config.alert_rules import SizeRule
from pipelines.config.receivers import Receiver
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.work_locks import lock_work

MAX_CHANGES: Final = 1_000
"""Latest changes of the account that are searched for the context of its alerts."""

MODES: Final[Mapping[bool, str]] = {False: "segments", True: "periodicity"}
"""Customers mode in which sizes of segments (False) and stages (True) are evaluated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """Result of sending size alerts."""

    started_count: int = 0  # alerts that started with this load or scan
    sent_count: int = 0  # alerts that a receiver accepted, including pending ones of earlier loads and scans
    failure: str | None = None  # the error if a receiver does not have the alerts yet; the next load retries


def send_size_alerts(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    is_stage: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> SendResult:
    """Alert about segments, or stages, whose size changed as the account's rules say.

    Call after each published load for segments, and after each published scan for stages.

    Each alert is sent once; if the process dies right after a receiver accepted it, it is sent
    again with the same id. Does nothing without rules or receivers. Errors are returned, never
    raised, and the next load retries.
    """
    receivers = settings.receivers
    if not account.alerts or not receivers:
        return SendResult()
    started_count, language = 0, account.language or settings.language
    try:
        with transaction(engine, account=account.key) as connection:
            alert_account = store.read_account(connection, account.key)
            if alert_account is None:
                return SendResult()
            started_count = record_alerts(connection, alert_account, account, language, is_stage=is_stage)
        sent_count, failure = send_pending(engine, alert_account, account, receivers, clock, language)
        return SendResult(started_count=started_count, sent_count=sent_count, failure=failure)
    except WarehouseError as error:
        failure = error.message
    except AlertNotSent as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - the load or scan is published and must not fail
        failure = f"Unexpected error: {type(error).__name__}."
    return SendResult(started_count=started_count, failure=failure)


def preview_alerts(
    engine: Engine, account_key: str, rules: Sequence[SizeRule], language: str | None = None
) -> Sequence[SizeAlert]:
    """Return the alerts that these rules would send for the latest snapshot, or the latest scan.

    Stores and sends nothing.
    """
    with transaction(engine, account=account_key) as connection:
        alert_account = store.read_account(connection, account_key)
        if alert_account is None or alert_account.customers_mode not in MODES.values():
            return []
        is_stage = alert_account.customers_mode == MODES[True]
        started = evaluate_rules(
            _read_comparisons(connection, alert_account, rules, is_stage=is_stage), rules, ()
        ).started
        return with_context(connection, alert_account, started, language) if started else []


def read_alert_account(engine: Engine, account_key: str) -> store.AlertAccount | None:
    """Return the account; None before its first snapshot."""
    with transaction(engine, account=account_key) as connection:
        return store.read_account(connection, account_key)


def record_alerts(
    connection: Connection,
    alert_account: store.AlertAccount,
    account: AccountSettings,
    language: str | None,
    *,
    is_stage: bool,
) -> int:
    """Store which alerts start and end with the latest snapshot or scan, and return the number that start.

    In another customers mode there are no sizes, so no alert changes.
    """
    if alert_account.customers_mode != MODES[is_stage]:
        return 0
    lock_work(connection, "size_alert", alert_account.account_id)
    comparisons = _read_comparisons(connection, alert_account, account.alerts, is_stage=is_stage)
    ongoing = store.read_ongoing(connection, alert_account.account_id, is_stage=is_stage)
    decision = evaluate_rules(comparisons, account.alerts, ongoing)
    store.write_ended(connection, alert_account.account_id, decision.ended)
    if decision.started:
        store.write_started(
            connection, alert_account.account_id, with_context(connection, alert_account, decision.started, language)
        )
    return len(decision.started)


def _read_comparisons(
    connection: Connection, alert_account: store.AlertAccount, rules: Sequence[SizeRule], *, is_stage: bool
) -> list[SizeComparison]:
    """Read the sizes that these rules compare."""
    days = sorted({rule.days for rule in rules})
    return store.read_comparisons(connection, alert_account.account_id, days, is_stage=is_stage)


def with_context(
    connection: Connection, alert_account: store.AlertAccount, started: tuple[NewAlert, ...], language: str | None
) -> list[SizeAlert]:
    """Add text, context and flows to the alerts."""
    # Imported here: loads without alerts do not need them, and Babel is slow to import.
    from pipelines.alerts.size_alert_text import LOOK_BACK, describe_alert, describe_context  # noqa: PLC0415
    from pipelines.report.figures import read_gaps  # noqa: PLC0415
    from pipelines.report.formats import Formats  # noqa: PLC0415
    from pipelines.warehouse.changes import read_changes  # noqa: PLC0415

    formats = Formats.for_account(alert_account.country, alert_account.timezone, language)
    since = min(alert.previous_observed_at for alert in started)
    changes = read_changes(connection, alert_account.account_id, after=since - LOOK_BACK, limit=MAX_CHANGES)
    gaps = read_gaps(connection, alert_account.account_id, after=since)
    contexts = [describe_context(alert, changes, gaps, formats) for alert in started]
    flows: list[ScannedFlows | None] = [None] * len(started)
    if alert_account.is_scanned:
        flows = store.read_flows(connection, alert_account.account_id, started)
    return [
        SizeAlert(
            **asdict(alert),
            alert_id=uuid4(),
            around=[{"date": event.date.isoformat(), "kind": event.kind, "text": event.text} for event in context],
            flows=flow.document() if flow else None,
            message=describe_alert(alert, context, flow, formats),
        )
        for alert, context, flow in zip(started, contexts, flows, strict=True)
    ]


def send_pending(
    engine: Engine,
    alert_account: store.AlertAccount,
    account: AccountSettings,
    receivers: Sequence[Receiver],
    clock: Clock,
    language: str | None,
) -> tuple[int, str | None]:
    """Send pending alerts as one message, and return their number and errors of single receivers.

    Raises ``AlertNotSent``; they then stay pending.
    """
    with transaction(engine, account=account.key) as connection:
        pending = store.claim_pending(connection, alert_account.account_id)
        if not pending:
            return 0, None
        # Only one retry: the next load retries as well, and the fleet's next accounts wait for this
        # thread.
        batch = SizeAlertBatch(
            account=account.key, alerts=pending, language=language_for(language, alert_account.country)
        )
        delivery = deliver(receivers, batch, sleep=clock.sleep, waits=RETRY_WAITS[:1])
        store.mark_sent(connection, alert_account.account_id, pending, clock.now())
        keep_undelivered(connection, delivery)
        return len(pending), delivery.failure
