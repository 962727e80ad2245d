"""An account as it is now, read for planning or loaded into its history, and the plan from there to what is wanted."""

from __future__ import annotations

from contextlib import suppress

from pipelines.amocrm.extract import extract
from pipelines.amocrm.models import Snapshot
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
    """The account as it is, read as completely as a load reads it, with nothing stored. Raises ``ApiError``."""
    with open_client(context) as client:
        return extract(client, read_known_entities(context, client), now=context.clock.now).snapshot()


def load_live_account(context: LoadContext) -> tuple[PublishedLoad, Snapshot]:
    """A load and what it read, and another one where a load of somebody else has come between."""
    with suppress(Superseded):
        return load_with_snapshot(context)
    return load_with_snapshot(context)


def plan_from_live(context: LoadContext, desired_state: DesiredState, live: Snapshot) -> Plan:
    """The plan from ``live`` to what is wanted, by all that is known of earlier calls. Raises ``PlanError``."""
    reconcile_calls(context.engine, context.account_key, live, at=context.clock.now())
    with transaction(context.engine, account=context.account_key) as connection:
        successors = read_successors(connection, live.account.id)
    return desired_state.plan(live, successors)


def preview_plan(context: LoadContext, desired_state: DesiredState) -> Plan:
    """What applying would do now. Raises ``ApiError`` and ``PlanError``."""
    return plan_from_live(context, desired_state, fetch_live_account(context))
