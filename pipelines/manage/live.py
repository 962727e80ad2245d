"""An account as it is now, read for planning or loaded into its history, and the plan from there to what is wanted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine

from pipelines.amocrm.extract import extract
from pipelines.amocrm.records import Snapshot
from pipelines.ask import open_client, what_is_known
from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import Superseded
from pipelines.load import Loaded, load_and_read
from pipelines.manage.calls import Plan
from pipelines.manage.settle import settle
from pipelines.manage.wishes import Wish
from pipelines.manage.write_back import read_successors
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """An account that can be read and changed, and the warehouse that keeps its history."""

    engine: Engine
    account: AccountSettings
    settings: Settings
    clock: Clock = SYSTEM_CLOCK
    run_id: str | None = None  # Dagster's


def read_live(access: Access) -> Snapshot:
    """The account as it is, read as completely as a load reads it, with nothing stored. Raises ``ApiError``."""
    with open_client(access.account, access.settings, access.clock) as client:
        _, known = what_is_known(access.engine, access.account, client)
        return extract(client, known, now=access.clock.now).snapshot()


def load(access: Access) -> tuple[Loaded, Snapshot]:
    """A load and what it read, and another one where a load of somebody else has come between."""
    with suppress(Superseded):
        return _load(access)
    return _load(access)


def plan_from(access: Access, wish: Wish, live: Snapshot) -> Plan:
    """The plan from ``live`` to what is wanted, by all that is known of earlier calls. Raises ``PlanError``."""
    settle(access.engine, access.account.key, live, at=access.clock.now())
    with transaction(access.engine, account=access.account.key) as connection:
        successors = read_successors(connection, live.account.id)
    return wish.plan(live, successors)


def preview(access: Access, wish: Wish) -> Plan:
    """What applying would do now. Raises ``ApiError`` and ``PlanError``."""
    return plan_from(access, wish, read_live(access))


def _load(access: Access) -> tuple[Loaded, Snapshot]:
    return load_and_read(access.engine, access.account, access.settings, clock=access.clock, run_id=access.run_id)
