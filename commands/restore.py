"""``restore``: restore an account's stages or segments to an earlier state."""

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
@click.option("--as-of", "instant", metavar="INSTANT", help="Restore the state as of this time.")
@click.option("--segment", "segment_ids", metavar="ID", type=int, multiple=True, help="Only this segment; repeatable.")
@click.option("--stage", "stage_ids", metavar="ID", type=int, multiple=True, help="Only this stage; repeatable.")
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
    """Restore stages or segments to an earlier state, after showing the plan and asking for confirmation.

    The latest snapshot at or before INSTANT is restored. An INSTANT without an offset, such as 2026-11-01T09:00, is in
    the account's timezone. Without --as-of, a single stage or segment is restored from the last snapshot that showed
    it. Entities that were added later stay. A deleted entity is added with a new id, as the successor of the old one
    (see the view segment_lineage). The plan first lists what no API call can restore: a segment's customers,
    conditions, the old id.
    """
    chosen_ids: list[tuple[EntityKind, int]] = [("segment", segment_id) for segment_id in segment_ids] + [
        ("stage", stage_id) for stage_id in stage_ids
    ]
    if instant is None and len(chosen_ids) != 1:
        raise click.UsageError("Add --as-of, which only a single --segment or --stage can omit.")
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
