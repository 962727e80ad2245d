"""Send size alerts after a load. An error here never fails the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine

from pipelines.alerts import size_alert_store as store
from pipelines.alerts.delivery import RETRY_WAITS, AlertNotSent, deliver, keep_undelivered
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


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """Result of sending size alerts."""

    started_count: int = 0  # alerts that started with this load
    sent_count: int = 0  # alerts that a receiver accepted, including pending ones of earlier loads
    failure: str | None = None  # the error if a receiver does not have the alerts yet; the next load retries


def send_size_alerts(
    engine: Engine, account: AccountSettings, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
) -> SendResult:
    """Alert about segments whose size changed as the account's rules say.

    Call after each published load.

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
            started_count = record_alerts(connection, alert_account, account, language)
        sent_count, failure = send_pending(engine, alert_account, account, receivers, clock, language)
        return SendResult(started_count=started_count, sent_count=sent_count, failure=failure)
    except WarehouseError as error:
        failure = error.message
    except AlertNotSent as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - the load is published and must not fail
        failure = f"Unexpected error: {type(error).__name__}."
    return SendResult(started_count=started_count, failure=failure)


def preview_alerts(
    engine: Engine, account_key: str, rules: Sequence[SizeRule], language: str | None = None
) -> Sequence[SizeAlert]:
    """Return the alerts that these rules would send for the latest snapshot.

    Stores and sends nothing.
    """
    with transaction(engine, account=account_key) as connection:
        alert_account = store.read_account(connection, account_key)
        if alert_account is None or alert_account.customers_mode != "segments":
            return []
        started = evaluate_rules(_read_comparisons(connection, alert_account, rules), rules, ()).started
        return with_context(connection, alert_account, started, language) if started else []


def read_customers_mode(engine: Engine, account_key: str) -> str | None:
    """Return the mode of an account's customers in the latest snapshot; None if there is none."""
    with transaction(engine, account=account_key) as connection:
        alert_account = store.read_account(connection, account_key)
        return alert_account.customers_mode if alert_account else None


def record_alerts(
    connection: Connection, alert_account: store.AlertAccount, account: AccountSettings, language: str | None
) -> int:
    """Store which alerts start and end with the latest snapshot, and return the number that start.

    In another customers mode there are no sizes, so no alert changes.
    """
    if alert_account.customers_mode != "segments":
        return 0
    lock_work(connection, "size_alert", alert_account.account_id)
    comparisons = _read_comparisons(connection, alert_account, account.alerts)
    decision = evaluate_rules(comparisons, account.alerts, store.read_ongoing(connection, alert_account.account_id))
    store.write_ended(connection, alert_account.account_id, decision.ended)
    if decision.started:
        store.write_started(
            connection, alert_account.account_id, with_context(connection, alert_account, decision.started, language)
        )
    return len(decision.started)


def _read_comparisons(
    connection: Connection, alert_account: store.AlertAccount, rules: Sequence[SizeRule]
) -> list[SizeComparison]:
    """Read the sizes that these rules compare."""
    return store.read_comparisons(connection, alert_account.account_id, sorted({rule.days for rule in rules}))


def with_context(
    connection: Connection, alert_account: store.AlertAccount, started: tuple[NewAlert, ...], language: str | None
) -> list[SizeAlert]:
    """Add text and context to the alerts."""
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
    return [
        SizeAlert(
            **asdict(alert),
            alert_id=uuid4(),
            around=[{"date": event.date.isoformat(), "kind": event.kind, "text": event.text} for event in context],
            message=describe_alert(alert, context, formats),
        )
        for alert, context in zip(started, contexts, strict=True)
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
