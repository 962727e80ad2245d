"""``restore``: bring back what an account was. What can be brought back is known to ``pipelines.manage``."""

from __future__ import annotations

import click

from commands.demo.choice import DemoCommand
from commands.manage.carry_out import carry_out
from commands.manage.options import Manner, change_options
from commands.manage.past import read_last, read_past
from commands.manage.site import access_to, chosen
from pipelines.amocrm.messages import Kind
from pipelines.manage.wishes import wish_of_past
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.history import known_accounts


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
    manner: Manner,
) -> None:
    """Bring back stages or segments as they were, after showing how, and asking.

    An INSTANT without an offset is the account's own time: 2026-11-01T09:00. The newest snapshot at or before it is
    taken; without one, for one stage or segment, the last that showed it. What came later stays. What is gone is added
    with a new id, as successor of the old one: see the view segment_lineage. What no call can bring back is said first:
    who belonged to a segment, conditions, the old id.
    """
    chosen_ids: list[tuple[Kind, int]] = [("segment", one) for one in segment_ids] + [
        ("stage", one) for one in stage_ids
    ]
    if instant is None and len(chosen_ids) != 1:
        raise click.UsageError("Say with --as-of when it was as it is to be again; only one thing alone needs none.")
    with access_to(demo, account_key) as access:
        with transaction(access.engine) as connection:
            account = chosen(known_accounts(connection), access.account.key, access.settings)
        if instant is None:
            past = read_last(access.engine, account, *chosen_ids[0])
        else:
            past = read_past(access.engine, account, instant)
        wish = wish_of_past(
            past,
            account_key=access.account.key,
            stage_ids=stage_ids if chosen_ids else None,
            segment_ids=segment_ids if chosen_ids else None,
        )
        carry_out(access, wish, manner)
