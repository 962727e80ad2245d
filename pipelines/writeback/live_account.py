"""An account as it is now, read for planning or loaded into its history, and the plan from there to what is wanted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine

from pipelines.amocrm.extract import extract
from pipelines.amocrm.models import Snapshot
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import Superseded
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.fetch import open_client, read_known_entities
from pipelines.load.load import PublishedLoad, load_with_snapshot
from pipelines.warehouse.engine import transaction
from pipelines.writeback.calls import Plan
from pipelines.writeback.journal import read_successors
from pipelines.writeback.plan_source import DesiredState
from pipelines.writeback.reconcile import reconcile_calls


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountAccess:
    """An account that can be read and changed, and the warehouse that keeps its history."""

    engine: Engine
    account: AccountSettings
    settings: Settings
    clock: Clock = SYSTEM_CLOCK
    run_id: str | None = None  # Dagster's


def fetch_live_account(access: AccountAccess) -> Snapshot:
    """The account as it is, read as completely as a load reads it, with nothing stored. Raises ``ApiError``."""
    with open_client(access.account, access.settings, access.clock) as client:
        _, known_entities = read_known_entities(access.engine, access.account, client)
        observed_at = access.clock.now()
        extract(client, known_entities)
        return parse_snapshot(client.responses, observed_at, documents=client.documents)


def load_live_account(access: AccountAccess) -> tuple[PublishedLoad, Snapshot]:
    """A load and what it read, and another one where a load of somebody else has come between."""
    with suppress(Superseded):
        return _load_once(access)
    return _load_once(access)


def plan_from_live(access: AccountAccess, desired_state: DesiredState, live: Snapshot) -> Plan:
    """The plan from ``live`` to what is wanted, by all that is known of earlier calls. Raises ``PlanError``."""
    reconcile_calls(access.engine, access.account.key, live, at=access.clock.now())
    with transaction(access.engine, account=access.account.key) as connection:
        successors = read_successors(connection, live.account.id)
    return desired_state.plan(live, successors)


def preview_plan(access: AccountAccess, desired_state: DesiredState) -> Plan:
    """What applying would do now. Raises ``ApiError`` and ``PlanError``."""
    return plan_from_live(access, desired_state, fetch_live_account(access))


def _load_once(access: AccountAccess) -> tuple[PublishedLoad, Snapshot]:
    return load_with_snapshot(access.engine, access.account, access.settings, clock=access.clock, run_id=access.run_id)
