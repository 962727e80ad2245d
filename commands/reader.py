"""``reader``: a role that reads one account's history and no other's. How, is ``pipelines.warehouse.readers``' work."""

from __future__ import annotations

import click

from commands.demo.options import demo_option
from commands.writeback.account import open_history
from commands.writeback.options import account_option
from pipelines.warehouse.reader_logins import make_reader_login
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.roles import quoted
from pipelines.warehouse.tool_login import CONNECTION_LIMIT, LIMITS


@click.command()
@account_option
@click.option("--login", metavar="NAME", help="Make this login in the role too; its new password is printed, once.")
@demo_option
def command(*, account_key: str | None, login: str | None, demo: str | None) -> None:
    """Make a role that reads one account in every view, and nothing of the others.

    It cannot log in: make a login in it for each person or tool, by --login or as is printed. A login has a connection
    limit and timeouts of its own, so that a reader does not take what loads need. Running this again changes nothing,
    but that --login gives the login a new password.

    The first such role ends the views segments_<account id> of all accounts, since every login can read the names of
    their columns, which are fields' names. segment_field_values has the same values, a row each.
    """
    with open_history(demo, account_key) as (engine, account):
        role = create_account_reader(engine, account.id, account=account.key)
        password = make_reader_login(engine, role, login, account=account.key) if login else None
    click.echo("There are no views segments_<account id> any more: segment_field_values has their values.", err=True)
    reads = f"reads account '{account.key}' ({account.id}) and no other."
    if password:
        click.echo(f"The login {login} {reads} Its password, which is shown once:\n{password}")
        return
    click.echo(f"The role {role} {reads} A login in it, by --login NAME or as an administrator:")
    limit = f"connection limit {CONNECTION_LIMIT}"
    click.echo(f"    create role somebody login {limit} password '…' in role {quoted(role)};")
    for setting, value in LIMITS.items():
        click.echo(f"    alter role somebody set {setting} = '{value}';")
