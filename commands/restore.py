"""``restore``: bring back what an account was. What can be brought back is known to ``pipelines.writeback``."""

from __future__ import annotations

import click

from commands.demo.options import DemoCommand
from commands.writeback.account import open_account, select_account
from commands.writeback.execute import execute_plan
from commands.writeback.options import ApplyOptions, change_options
from commands.writeback.past import read_last_seen, read_past
from pipelines.amocrm.messages import EntityKind
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.past import read_stored_accounts
from pipelines.writeback.plan_source import past_to_desired_state


@click.command(cls=DemoCommand)
@click.option("--as-of", "instant", metavar="INSTANT", help="When it was as it is to be again.")
@click.option("--segment", "segment_ids", metavar="ID", type=int, multiple=True, help="This segment alone; repeatable.")
@click.option("--stage", "stage_ids", metavar="ID", type=int, multiple=True, help="This stage alone; repeatable.")
@change_options
def command(
    *,
    instant: str | None,
    segment_ids: tuple[int, ...],
    stage_ids: tuple[int, ...],
    account_key: str | None,
    demo: str | None,
    apply_options: ApplyOptions,
) -> None:
    """Bring back stages or segments as they were, after showing how, and asking.

    An INSTANT without an offset is the account's own time: 2026-11-01T09:00. The newest snapshot at or before it is
    taken; without one, for one stage or segment, the last that showed it. What came later stays. What is gone is added
    with a new id, as successor of the old one: see the view segment_lineage. What no call can bring back is said first:
    who belonged to a segment, conditions, the old id.
    """
    chosen_ids: list[tuple[EntityKind, int]] = [("segment", one) for one in segment_ids] + [
        ("stage", one) for one in stage_ids
    ]
    if instant is None and len(chosen_ids) != 1:
        raise click.UsageError("Say with --as-of when it was as it is to be again; only one thing alone needs none.")
    with open_account(demo, account_key) as access:
        with transaction(access.engine) as connection:
            account = select_account(read_stored_accounts(connection), access.account.key, access.settings)
        if instant is None:
            past = read_last_seen(access.engine, account, *chosen_ids[0])
        else:
            past = read_past(access.engine, account, instant)
        desired_state = past_to_desired_state(
            past,
            account_key=access.account.key,
            stage_ids=stage_ids if chosen_ids else None,
            segment_ids=segment_ids if chosen_ids else None,
        )
        execute_plan(access, desired_state, apply_options)
