"""Send alerts on changes after a load: each change once, by whichever program loads first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Engine

from pipelines.alerts.change_alert import MAX_CHANGES_IN_JSON, ChangeAlert, ReportedChange
from pipelines.alerts.delivery import RETRY_WAITS, deliver, keep_undelivered
from pipelines.alerts.size_alert_store import AlertAccount, read_account
from pipelines.base.clock import Clock
from pipelines.config.change_kinds import CHANGE_KINDS
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.changes import Change
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


def begin_change_alerts(engine: Engine, account: AccountSettings) -> AlertAccount | None:
    """Record from which snapshot on the account's changes are alerted on, if that is not recorded yet.

    Returns None if the account was never loaded.
    """
    with transaction(engine, account=account.key) as connection:
        found = read_account(connection, account.key)
        if found is not None:
            connection.execute(statement("create_change_notice"), {"account_id": found.account_id})
    return found


def send_change_alerts(
    engine: Engine, account: AccountSettings, settings: Settings, clock: Clock
) -> tuple[int, str | None]:
    """Send one alert on all changes since the last one, and return their number and errors of single receivers.

    The message is sent before the changes are recorded as sent, in one transaction. If the process
    dies in between, it is sent again. Raises ``AlertNotSent``: then the next load retries.
    """
    kinds = settings.change_kinds(account)
    found = begin_change_alerts(engine, account)
    if found is None:
        return 0, None
    identity = {"account_id": found.account_id}
    with transaction(engine, account=account.key) as connection:
        span = connection.execute(statement("claim_change_notice"), identity).one_or_none()
        if span is None or span.after == span.until:
            return 0, None
        alert = None
        if kinds and span.has_changes:
            alert = read_alert(
                connection,
                found,
                account.key,
                kinds,
                (span.after, span.until),
                account.language or settings.language,
            )
        failure = None
        if alert:
            # Only one retry: the fleet's next accounts wait for this thread.
            delivery = deliver(settings.receivers, alert, sleep=clock.sleep, waits=RETRY_WAITS[:1])
            keep_undelivered(connection, delivery)
            failure = delivery.failure
        connection.execute(statement("advance_change_notice"), identity | {"until": span.until})
        return (alert.change_count if alert else 0), failure


def preview_change_alert(
    engine: Engine, account_key: str, kinds: Collection[str], account_option: str, language: str | None = None
) -> ChangeAlert | None:
    """Return the alert on pending changes, or else on the last ones. Stores and sends nothing."""
    with transaction(engine, account=account_key) as connection:
        found = read_account(connection, account_key)
        if found is None:
            return None
        span = connection.execute(statement("previewed_span"), {"account_id": found.account_id}).one_or_none()
        if span is None:
            return None
        return read_alert(connection, found, account_key, kinds, (span.after, span.until), language, account_option)


def read_alert(
    connection: Connection,
    found: AlertAccount,
    account_key: str,
    kinds: Collection[str],
    span: tuple[datetime, datetime],
    language: str | None,
    account_option: str | None = None,
) -> ChangeAlert | None:
    """Read the changes of these kinds in the snapshots of a span; None if there are none."""
    parameters = {
        "account_id": found.account_id,
        "after": span[0],
        "until": span[1],
        "kinds": [kind for kind in CHANGE_KINDS if kind in kinds],
        "most": MAX_CHANGES_IN_JSON,
    }
    rows = connection.execute(statement("unreported_changes"), parameters).all()
    if not rows:
        return None
    # Imported here: loads without alerts do not need Babel, which is slow to import.
    from pipelines.alerts.change_alert_text import describe_alert, describe_change  # noqa: PLC0415
    from pipelines.report.formats import Formats  # noqa: PLC0415

    formats = Formats.for_account(found.country, found.timezone, language)
    changes = [
        ReportedChange(
            observed_at=row.observed_at,
            previous_observed_at=row.previous_observed_at,
            kind=row.kind,
            thing=row.thing,
            thing_id=row.thing_id,
            name=row.thing_name,
            attribute=row.property,
            old=row.old_text,
            new=row.new_text,
            who=row.who,
            reason=row.reason,
            load_count=row.load_count,
            sentence=describe_change(
                Change(**{name: getattr(row, name) for name in Change.__slots__}), row.who, row.reason, formats
            ),
        )
        for row in rows
    ]
    total_count = rows[0].total_count
    text = describe_alert(changes, total_count, formats, account_option or f"--account {account_key}")
    return ChangeAlert(
        account=account_key,
        change_count=total_count,
        changes=changes,
        text=formats.language.ngettext(
            "amoCRM account '%(account)s': %(count)s change.\n%(text)s",
            "amoCRM account '%(account)s': %(count)s changes.\n%(text)s",
            total_count,
            account=account_key,
            text=text,
        ),
    )
