"""Checks of size alerts: whether they can be sent, and whether the rules name existing segments."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, ok, warning
from commands.output import pluralize
from pipelines.alerts.size_alert_store import count_pending, read_account, read_comparisons
from pipelines.base.errors import DatabaseError
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction


def check_alerts(account: AccountSettings, settings: Settings, engine: Engine | None) -> Iterator[Check]:
    """Check whether the account's rules can lead to alerts. Yield nothing if it has no rules."""
    subject = f"account '{account.key}': alerts"
    if not account.alerts:
        return
    rules = pluralize(len(account.alerts), "rule")
    if not settings.receivers:
        yield warning(
            subject,
            f"{rules}, but no receiver.",
            "Set AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS, or remove the rules.",
        )
    elif engine is not None:
        try:
            yield from _check_segments(subject, rules, account, engine)
        except DatabaseError:
            return  # the database checks report it


def _check_segments(subject: str, rules: str, account: AccountSettings, engine: Engine) -> Iterator[Check]:
    """Check that the rules name segments of the latest snapshot, and that no alerts are pending."""
    with transaction(engine, account=account.key) as connection:
        found = read_account(connection, account.key)
        if found is None:
            yield ok(subject, f"{rules}; the segments they name are checked after the first load.")
            return
        segments = {(row.segment_id, row.name) for row in read_comparisons(connection, found.account_id, [1])}
        pending_count = count_pending(connection, found.account_id)
    names_and_ids = {identity for segment in segments for identity in segment}
    unknown = {
        repr(reference): None
        for rule in account.alerts
        for reference in rule.segments
        if reference not in names_and_ids
    }
    if unknown and found.customers_mode == "segments":
        yield warning(
            subject,
            f"No segment has the name or id {', '.join(unknown)}.",
            "Correct it in accounts.toml. Prefer ids (see analytics.segments), which a renamed segment keeps.",
        )
    elif pending_count:
        yield warning(
            subject,
            f"{pluralize(pending_count, 'alert')} could not be sent yet.",
            "Check AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS: each load retries.",
        )
    else:
        yield ok(subject, f"{rules}.")
