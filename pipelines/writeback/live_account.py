"""Fetch or load the current state of an account, and plan from it to the desired state."""

from __future__ import annotations

from pipelines.alerts.change_alerts import begin_change_alerts
from pipelines.amocrm.extract import extract
from pipelines.amocrm.models import Snapshot
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import Superseded
from pipelines.load.context import LoadContext
from pipelines.load.fetch import open_client, read_known_entities
from pipelines.load.load import PublishedLoad, load_with_snapshot
from pipelines.warehouse.engine import transaction
from pipelines.writeback.calls import Plan
from pipelines.writeback.journal import read_successors
from pipelines.writeback.plan_source import DesiredState
from pipelines.writeback.reconcile import reconcile_calls


def fetch_live_account(context: LoadContext) -> Snapshot:
    """Fetch the account as completely as a load does, without storing anything.

    Raises ``ApiError``.
    """
    with open_client(context) as client:
        observed_at = context.clock.now()
        extract(client, read_known_entities(context, client))
        return parse_snapshot(client.responses, observed_at, documents=client.documents)


def load_live_account(context: LoadContext) -> tuple[PublishedLoad, Snapshot]:
    """Load the account, and return the load with its snapshot.

    Retries once if a concurrent load superseded it. What the load stored is alerted on by the next ordinary load.
    """
    try:
        loaded = load_with_snapshot(context)
    except Superseded:
        loaded = load_with_snapshot(context)
    if context.settings.receivers:
        begin_change_alerts(context.engine, context.account)
    return loaded


def plan_from_live(context: LoadContext, desired_state: DesiredState, live: Snapshot) -> Plan:
    """Plan from ``live`` to the desired state, after reconciling earlier calls.

    Raises ``PlanError``.
    """
    reconcile_calls(context.engine, context.account_key, live, at=context.clock.now())
    with transaction(context.engine, account=context.account_key) as connection:
        successors = read_successors(connection, live.account.id)
    return desired_state.plan(live, successors)


def preview_plan(context: LoadContext, desired_state: DesiredState) -> Plan:
    """Plan what an apply would do now. Raises ``ApiError`` and ``PlanError``."""
    return plan_from_live(context, desired_state, fetch_live_account(context))
