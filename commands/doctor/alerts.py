"""Whether alerts on sizes can reach somebody, and are about segments that there are."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, ok, warning
from commands.text import pluralize
from pipelines.alerts.store import count_pending, read_account, read_comparisons
from pipelines.base.errors import DatabaseError
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction


def check_alerts(account: AccountSettings, settings: Settings, engine: Engine | None) -> Iterator[Check]:
    """What keeps the account's rules from telling anybody of anything. Nothing where it has none."""
    subject = f"account '{account.key}': alerts"
    if not account.alerts:
        return
    rules = pluralize(len(account.alerts), "rule")
    if settings.alert_webhook_url is None:
        yield warning(
            subject, f"It has {rules}, and nobody to tell.", "Set AMOCRM_ALERT_WEBHOOK_URL, or remove the rules."
        )
    elif engine is not None:
        try:
            yield from _check_segments(subject, rules, account, engine)
        except DatabaseError:
            return  # the checks of the database tell of it


def _check_segments(subject: str, rules: str, account: AccountSettings, engine: Engine) -> Iterator[Check]:
    """Whether the rules name segments of the newest snapshot, and whether everything was told."""
    with transaction(engine, account=account.key) as connection:
        found = read_account(connection, account.key)
        if found is None:
            yield ok(subject, f"It has {rules}; what they name is not known before the first load.")
            return
        segments = {(one.segment_id, one.name) for one in read_comparisons(connection, found.account_id, [1])}
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
            f"No segment is called, or has the id, {', '.join(unknown)}.",
            "Correct it in accounts.toml. Ids outlast a new name: analytics.segments has them.",
        )
    elif pending_count:
        yield warning(
            subject,
            f"{pluralize(pending_count, 'event')} could not be told yet.",
            "Check AMOCRM_ALERT_WEBHOOK_URL: each load tries again.",
        )
    else:
        yield ok(subject, f"It has {rules}.")
