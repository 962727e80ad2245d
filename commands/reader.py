"""``reader``: a role that reads one account's history and no other's. How, is ``pipelines.warehouse.readers``' work."""

from __future__ import annotations

import click

from commands.demo.choice import demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from pipelines.warehouse.readers import make_account_reader
from pipelines.warehouse.roles import quoted


@click.command()
@account_option
@demo_option
def command(*, account_key: str | None, demo: str | None) -> None:
    """Make a role that reads one account in every view, and nothing of the others.

    It cannot log in: make a login in it for each person or tool, as is printed. Running this again changes nothing.

    The first such role ends the views segments_<account id> of all accounts, since every login can read the names of
    their columns, which are fields' names. segment_field_values has the same values, a row each.
    """
    with history_of(demo, account_key) as (engine, account):
        role = make_account_reader(engine, account.id, account=account.key)
    click.echo(f"The role {role} reads account '{account.key}' ({account.id}) and no other. A login in it:")
    click.echo(f"    create role somebody login password '…' in role {quoted(role)};")
    click.echo("There are no views segments_<account id> any more: segment_field_values has their values.", err=True)
