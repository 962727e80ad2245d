"""Alerts about the failed and recovered loads of a run: what is new about each account, once.

Dagster's sensors and ``sync --notify`` send the same texts and share what was sent
(``amocrm.failure_notice``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Engine

from pipelines.alerts.delivery import AlertNotSent, deliver, keep_undelivered
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.alerts.load_outcomes import record_notified
from pipelines.alerts.load_transitions import LoadTransition, describe_transitions
from pipelines.base.errors import WarehouseError
from pipelines.base.language import Language, join_texts, language_for
from pipelines.config.receivers import Receiver
from pipelines.config.settings import Settings
from pipelines.load.fleet_summary import describe_failures
from pipelines.load.result import SKIPPED_ERROR_NAME, LoadResult, group_failures
from pipelines.warehouse.engine import transaction

FLEET_NAME: Final = "fleet"
"""Used instead of an account's key if an alert is about several accounts."""


def with_transitions(alert: FailureAlert, transitions: Sequence[LoadTransition]) -> FailureAlert | None:
    """Add what is new about each account to the alert; return None if nothing is new.

    An error that the warehouse has not recorded, such as a killed process, is always new.
    """
    if not are_errors_recorded(alert.errors, transitions):
        return alert
    sentences = describe_transitions(failing(transitions), about_account=alert.account)
    if sentences is None:
        return None
    return replace(alert, what_happened=join_texts(sentences, alert.what_happened))


def are_errors_recorded(errors: Iterable[str], transitions: Sequence[LoadTransition]) -> bool:
    """Return True if the warehouse recorded every error of a run. It cannot record, for example, a killed process."""
    return set(errors) - {SKIPPED_ERROR_NAME} <= {transition.error for transition in transitions}


def failing(transitions: Iterable[LoadTransition]) -> list[LoadTransition]:
    """Return the transitions of accounts whose load failed."""
    return [transition for transition in transitions if transition.error]


def recovered(transitions: Iterable[LoadTransition]) -> list[LoadTransition]:
    """Return the transitions of accounts that loaded."""
    return [transition for transition in transitions if not transition.error]


def send_once(
    engine: Engine,
    receivers: Sequence[Receiver],
    alert: FailureAlert,
    transitions: Sequence[LoadTransition],
    *,
    sleep: Callable[[float], None],
) -> str | None:
    """Send the alert, record that these transitions were reported, and return the errors of single receivers.

    Raises ``AlertNotSent``: then nothing is recorded, and the next load's alert reports them.
    """
    delivery = deliver(receivers, alert, sleep=sleep)
    try:
        with transaction(engine) as connection:
            record_notified(connection, transitions)
            keep_undelivered(connection, delivery)
    except WarehouseError as error:
        raise AlertNotSent(f"The alert was sent, but not recorded, so it may be sent again: {error.message}") from None
    return delivery.failure


def alert_language(settings: Settings | None, account_key: str | None) -> Language:
    """Return the language of an alert about an account, or about several; English if none is set.

    The account's country is unknown here: the warehouse may be what failed.
    """
    return language_for(settings.account_language(account_key) if settings else None)


def fleet_alerts(
    results: Sequence[LoadResult],
    transitions: Sequence[LoadTransition],
    settings: Settings,
    *,
    is_scan: bool = False,
) -> list[tuple[FailureAlert, list[LoadTransition]]]:
    """Build the alerts about loads without Dagster, or about scans, each with the transitions that it reports."""
    alerts, what = [], "scan" if is_scan else "load"
    failed_keys = [key for cause in group_failures(results) for key in cause.account_keys]
    if failed_keys:
        failures = describe_failures(results, is_scan=is_scan)
        single = next(result.failure for result in results if result.account_key == failed_keys[0])
        assert single
        failed = with_transitions(
            FailureAlert(
                account=failed_keys[0] if len(failed_keys) == 1 else FLEET_NAME,
                error=failures.error,
                what_happened=single.message if len(failed_keys) == 1 else failures.message,
                what_to_do=single.advice if len(failed_keys) == 1 else failures.advice,
                run_id=None,
                what=what,
                language=alert_language(settings, failed_keys[0] if len(failed_keys) == 1 else None),
            ),
            transitions,
        )
        alerts += [(failed, failing(transitions))] if failed else []
    well = [transition for transition in recovered(transitions) if transition.event]
    if well:
        account = well[0].account_key if len(well) == 1 else FLEET_NAME
        sentences = describe_transitions(well, about_account=account) or ""
        alert = FailureAlert(
            account=account,
            error=None,
            what_happened=sentences,
            what_to_do="",
            run_id=None,
            what=what,
            language=alert_language(settings, account),
        )
        alerts.append((alert, well))
    return alerts
