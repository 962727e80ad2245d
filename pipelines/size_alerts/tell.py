"""Telling of changed sizes after a load, by the webhook that failures go to. It is no part of a load and fails none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine

from pipelines.alerts import WAITS, AlertNotSent, send_alert
from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import WarehouseError
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from pipelines.size_alerts import store
from pipelines.size_alerts.decide import Begun, decide
from pipelines.size_alerts.message import SizeAlert, SizeAlerts
from pipelines.size_alerts.rules import SizeRule
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.engine import transaction

MOST_CHANGES: Final = 1_000
"""Changes of the account that are looked through for what is around its events, the newest ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What became of it."""

    begun_count: int = 0  # events that this load began
    told_count: int = 0  # events that the webhook took, those included that had waited
    trouble: str | None = None  # why the rest still waits; the next load tries again


def tell_of_sizes(engine: Engine, account: AccountSettings, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> Told:
    """Tell of segments whose size changed by as much as the rules of the account say; after each published load.

    Each event is told once, or, where a process dies right after the webhook took it, again under the same id. Does
    nothing without rules or webhook. Nothing that goes wrong is raised: it is in the result, and the next load tries
    again.
    """
    url = settings.alert_webhook_url
    if not account.alerts or url is None:
        return Told()
    begun_count = 0
    try:
        with transaction(engine, account=account.key) as connection:
            found = store.read_account(connection, account.key)
            if found is None:
                return Told()
            begun_count = note_events(connection, found, account)
        return Told(begun_count=begun_count, told_count=send_waiting(engine, found, account, url, clock))
    except WarehouseError as error:
        return Told(begun_count=begun_count, trouble=error.message)
    except AlertNotSent as error:
        return Told(begun_count=begun_count, trouble=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the load was published
        trouble = f"An error that this program does not know: {type(error).__name__}."
        return Told(begun_count=begun_count, trouble=trouble)


def would_tell(engine: Engine, account_key: str, rules: Sequence[SizeRule]) -> Sequence[SizeAlert]:
    """What these rules would tell of the newest snapshot, if nobody had been told of it yet. Nothing is kept."""
    with transaction(engine, account=account_key) as connection:
        found = store.read_account(connection, account_key)
        if found is None or found.customers_mode != "segments":
            return []
        compared = store.read_compared(connection, found.account_id, sorted({rule.days for rule in rules}))
        begun = decide(compared, rules, ()).begun
        return explained(connection, found, begun) if begun else []


def note_events(connection: Connection, found: store.AlertingAccount, account: AccountSettings) -> int:
    """Write down which events the newest snapshot begins and ends; how many begin.

    In another customers mode there are no sizes, so nothing is known of any event, and none changes.
    """
    if found.customers_mode != "segments":
        return 0
    store.only_one_decides(connection, found.account_id)
    compared = store.read_compared(connection, found.account_id, sorted({rule.days for rule in account.alerts}))
    decision = decide(compared, account.alerts, store.read_lasting(connection, found.account_id))
    store.write_ended(connection, found.account_id, decision.ended)
    if decision.begun:
        store.write_begun(connection, found.account_id, explained(connection, found, decision.begun))
    return len(decision.begun)


def explained(connection: Connection, found: store.AlertingAccount, begun: tuple[Begun, ...]) -> list[SizeAlert]:
    """The events with what changed around them, in words."""
    # Here, since loads that have nothing to tell need neither Babel nor its calendars.
    from pipelines.report.formats import Formats  # noqa: PLC0415
    from pipelines.size_alerts.wording import LOOK_BACK, around, message  # noqa: PLC0415

    formats = Formats.of_account(found.country, found.timezone)
    since = min(one.previous_observed_at for one in begun)
    changes = read_changes(connection, found.account_id, after=since - LOOK_BACK, most=MOST_CHANGES)
    gaps = store.read_gaps(connection, found.account_id, since)
    besides = [around(one, changes, gaps, formats) for one in begun]
    return [
        SizeAlert(
            **asdict(one),
            alert_id=uuid4(),
            around=[{"date": event.date.isoformat(), "kind": event.kind, "text": event.text} for event in beside],
            message=message(one, beside, formats),
        )
        for one, beside in zip(begun, besides, strict=True)
    ]


def send_waiting(
    engine: Engine, found: store.AlertingAccount, account: AccountSettings, url: Secret, clock: Clock
) -> int:
    """Send what waits as one message; how many events were in it. Raises ``AlertNotSent``: then it goes on waiting."""
    with transaction(engine, account=account.key) as connection:
        waiting = store.claim_waiting(connection, found.account_id)
        if waiting:
            # One more try, not several: the next load is one, and the accounts after this one wait meanwhile.
            send_alert(url, SizeAlerts(account=account.key, alerts=waiting), sleep=clock.sleep, waits=WAITS[:1])
            store.write_told(connection, found.account_id, waiting, clock.now())
        return len(waiting)
