"""Whether alerts on sizes can reach somebody, and are about segments that there are."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, ok, warning
from commands.words import counted
from pipelines.errors import DatabaseError
from pipelines.settings import AccountSettings, Settings
from pipelines.size_alerts.store import read_account, read_compared, read_waiting_count
from pipelines.warehouse.engine import transaction


def check_alerts(account: AccountSettings, settings: Settings, engine: Engine | None) -> Iterator[Check]:
    """What keeps the account's rules from telling anybody of anything. Nothing where it has none."""
    subject = f"account '{account.key}': alerts"
    if not account.alerts:
        return
    rules = counted(len(account.alerts), "rule")
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
        there = {(one.segment_id, one.name) for one in read_compared(connection, found.account_id, [1])}
        waiting_count = read_waiting_count(connection, found.account_id)
    known = {identity for segment in there for identity in segment}
    unknown = {repr(named): None for rule in account.alerts for named in rule.segments if named not in known}
    if unknown and found.customers_mode == "segments":
        yield warning(
            subject,
            f"No segment is called, or has the id, {', '.join(unknown)}.",
            "Correct it in accounts.toml. Ids outlast a new name: analytics.segments has them.",
        )
    elif waiting_count:
        yield warning(
            subject,
            f"{counted(waiting_count, 'event')} could not be told yet.",
            "Check AMOCRM_ALERT_WEBHOOK_URL: each load tries again.",
        )
    else:
        yield ok(subject, f"It has {rules}.")
