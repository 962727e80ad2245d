"""Checks of size alerts: whether they can be sent, and whether the rules name existing segments or stages."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, ok, warning
from pipelines.alerts.size_alert_store import count_pending, read_account, read_comparisons
from pipelines.alerts.size_alerts import MODES
from pipelines.base.errors import DatabaseError
from pipelines.base.language import lazy_gettext, lazy_ngettext
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction


def check_alerts(account: AccountSettings, settings: Settings, engine: Engine | None) -> Iterator[Check]:
    """Check whether the account's rules can lead to alerts. Yield nothing if it has no rules."""
    subject = lazy_gettext("account '%(key)s': alerts", key=account.key)
    if not account.alerts:
        return
    rule_count = len(account.alerts)
    if not settings.receivers:
        yield warning(
            subject,
            lazy_ngettext("%(count)s rule, but no receiver.", "%(count)s rules, but no receiver.", rule_count),
            lazy_gettext("Set AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS, or remove the rules."),
        )
    elif engine is not None:
        try:
            yield from _check_places(subject, account, engine)
        except DatabaseError:
            return  # the database checks report it


def _check_places(subject: str, account: AccountSettings, engine: Engine) -> Iterator[Check]:
    """Check that there are sizes, that the rules name current segments or stages, and that no alerts are pending."""
    with transaction(engine, account=account.key) as connection:
        found = read_account(connection, account.key)
        if found is None:
            yield ok(
                subject,
                lazy_ngettext(
                    "%(count)s rule; the names in it are checked after the first load.",
                    "%(count)s rules; the names in them are checked after the first load.",
                    len(account.alerts),
                ),
            )
            return
        is_stage = found.customers_mode == MODES[True]
        places = {
            (row.place_id, row.name) for row in read_comparisons(connection, found.account_id, [1], is_stage=is_stage)
        }
        pending_count = count_pending(connection, found.account_id)
    names_and_ids = {identity for place in places for identity in place}
    unknown = {
        repr(reference): None
        for rule in account.alerts
        for reference in rule.segments
        if reference not in names_and_ids
    }
    if is_stage and not account.customers:
        yield warning(
            subject,
            lazy_ngettext(
                "%(count)s rule, but amoCRM does not count the customers of a stage.",
                "%(count)s rules, but amoCRM does not count the customers of a stage.",
                len(account.alerts),
            ),
            lazy_gettext("Switch on scans of customers, which count them (docs/customers.md), or remove the rules."),
        )
    elif unknown and is_stage and found.is_scanned:
        yield warning(
            subject,
            lazy_gettext("No stage has the name or id %(names)s.", names=", ".join(unknown)),
            lazy_gettext(
                "Correct it in accounts.toml. Prefer ids (see analytics.stages), which a renamed stage keeps."
            ),
        )
    elif unknown and found.customers_mode == MODES[False]:
        yield warning(
            subject,
            lazy_gettext("No segment has the name or id %(names)s.", names=", ".join(unknown)),
            lazy_gettext(
                "Correct it in accounts.toml. Prefer ids (see analytics.segments), which a renamed segment keeps."
            ),
        )
    elif pending_count:
        yield warning(
            subject,
            lazy_ngettext(
                "%(count)s alert could not be sent yet.", "%(count)s alerts could not be sent yet.", pending_count
            ),
            lazy_gettext("Check AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS: each load retries."),
        )
    else:
        yield ok(subject, lazy_ngettext("%(count)s rule.", "%(count)s rules.", len(account.alerts)))
