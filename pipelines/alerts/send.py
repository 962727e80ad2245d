"""Telling of changed sizes after a load, by the webhook that failures go to. It is no part of a load and fails none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine

from pipelines.alerts import store
from pipelines.alerts.evaluate import NewAlert, evaluate_rules
from pipelines.alerts.size_alert import SizeAlert, SizeAlertBatch
from pipelines.alerts.webhook import RETRY_WAITS, AlertNotSent, send_alert
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import WarehouseError
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.engine import transaction

MAX_CHANGES: Final = 1_000
"""Changes of the account that are looked through for what is around its events, the newest ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """What became of it."""

    started_count: int = 0  # events that this load began
    sent_count: int = 0  # events that the webhook took, those included that had waited
    failure: str | None = None  # why the rest still waits; the next load tries again


def send_size_alerts(
    engine: Engine, account: AccountSettings, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
) -> SendResult:
    """Tell of segments whose size changed by as much as the rules of the account say; after each published load.

    Each event is told once, or, where a process dies right after the webhook took it, again under the same id. Does
    nothing without rules or webhook. Nothing that goes wrong is raised: it is in the result, and the next load tries
    again.
    """
    url = settings.alert_webhook_url
    if not account.alerts or url is None:
        return SendResult()
    started_count = 0
    try:
        with transaction(engine, account=account.key) as connection:
            alert_account = store.read_account(connection, account.key)
            if alert_account is None:
                return SendResult()
            started_count = record_events(connection, alert_account, account)
        return SendResult(
            started_count=started_count, sent_count=send_pending(engine, alert_account, account, url, clock)
        )
    except WarehouseError as error:
        return SendResult(started_count=started_count, failure=error.message)
    except AlertNotSent as error:
        return SendResult(started_count=started_count, failure=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the load was published
        failure = f"An error that this program does not know: {type(error).__name__}."
        return SendResult(started_count=started_count, failure=failure)


def preview_alerts(engine: Engine, account_key: str, rules: Sequence[SizeRule]) -> Sequence[SizeAlert]:
    """What these rules would tell of the newest snapshot, if nobody had been told of it yet. Nothing is kept."""
    with transaction(engine, account=account_key) as connection:
        alert_account = store.read_account(connection, account_key)
        if alert_account is None or alert_account.customers_mode != "segments":
            return []
        comparisons = store.read_comparisons(
            connection, alert_account.account_id, sorted({rule.days for rule in rules})
        )
        started = evaluate_rules(comparisons, rules, ()).started
        return with_context(connection, alert_account, started) if started else []


def record_events(connection: Connection, alert_account: store.AlertAccount, account: AccountSettings) -> int:
    """Write down which events the newest snapshot begins and ends; how many begin.

    In another customers mode there are no sizes, so nothing is known of any event, and none changes.
    """
    if alert_account.customers_mode != "segments":
        return 0
    store.lock_alerts(connection, alert_account.account_id)
    comparisons = store.read_comparisons(
        connection, alert_account.account_id, sorted({rule.days for rule in account.alerts})
    )
    decision = evaluate_rules(comparisons, account.alerts, store.read_ongoing(connection, alert_account.account_id))
    store.write_ended(connection, alert_account.account_id, decision.ended)
    if decision.started:
        store.write_started(
            connection, alert_account.account_id, with_context(connection, alert_account, decision.started)
        )
    return len(decision.started)


def with_context(
    connection: Connection, alert_account: store.AlertAccount, started: tuple[NewAlert, ...]
) -> list[SizeAlert]:
    """The events with what changed around them, in words."""
    # Here, since loads that have nothing to tell need neither Babel nor its calendars.
    from pipelines.alerts.message import LOOK_BACK, describe_context, describe_event  # noqa: PLC0415
    from pipelines.report.formats import Formats  # noqa: PLC0415

    formats = Formats.for_account(alert_account.country, alert_account.timezone)
    since = min(alert.previous_observed_at for alert in started)
    changes = read_changes(connection, alert_account.account_id, after=since - LOOK_BACK, limit=MAX_CHANGES)
    gaps = store.read_gaps(connection, alert_account.account_id, since)
    contexts = [describe_context(alert, changes, gaps, formats) for alert in started]
    return [
        SizeAlert(
            **asdict(alert),
            alert_id=uuid4(),
            around=[{"date": event.date.isoformat(), "kind": event.kind, "text": event.text} for event in context],
            message=describe_event(alert, context, formats),
        )
        for alert, context in zip(started, contexts, strict=True)
    ]


def send_pending(
    engine: Engine, alert_account: store.AlertAccount, account: AccountSettings, url: Secret, clock: Clock
) -> int:
    """Send what waits as one message; how many events were in it. Raises ``AlertNotSent``: then it goes on waiting."""
    with transaction(engine, account=account.key) as connection:
        pending = store.claim_pending(connection, alert_account.account_id)
        if pending:
            # One more try, not several: the next load is one, and the accounts after this one wait meanwhile.
            send_alert(
                url, SizeAlertBatch(account=account.key, alerts=pending), sleep=clock.sleep, waits=RETRY_WAITS[:1]
            )
            store.mark_sent(connection, alert_account.account_id, pending, clock.now())
        return len(pending)
