"""``reader``: create a role that reads one account's history only."""

from __future__ import annotations

import sys

import click

from commands.demo.options import demo_option
from commands.options import account_option
from commands.writeback.account import open_history
from pipelines.base.errors import SettingsError
from pipelines.base.text import join_names
from pipelines.warehouse.reader_logins import make_reader_login
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.roles import quoted
from pipelines.warehouse.tool_login import CONNECTION_LIMIT, LIMITS
from pipelines.warehouse.wide_view_names import read_wide_view_names


@click.command()
@account_option
@click.option("--login", metavar="NAME", help="Also create this login in the role; its password is printed once.")
@click.option("--yes", "is_yes", is_flag=True, help="Remove the wide views without confirmation.")
@demo_option
def command(*, account_key: str | None, login: str | None, is_yes: bool, demo: str | None) -> None:
    """Create a role that reads one account's rows in every view, and no others.

    The role cannot log in: create a login in it for each person or tool, with --login or by the printed SQL. Each login
    has a connection limit and timeouts, so that readers leave resources for loads. Running this again changes nothing,
    except that --login sets a new password.

    The first such role removes the views segments_<account id> of all accounts, because every login can read their
    column names, which are the names of fields. segment_field_values has the same values, one per row. If there are
    such views, the command names them and asks first.
    """
    with open_history(demo, account_key) as (engine, account):
        views = read_wide_view_names(engine)
        if views and not is_yes:
            confirm_removal(views)
        role = create_account_reader(engine, account.id, account=account.key)
        password = make_reader_login(engine, role, login, account=account.key) if login else None
    if views:
        click.echo(f"Removed {join_names(views)}: segment_field_values has their values.", err=True)
    reads = f"reads account '{account.key}' ({account.id}) and no other."
    if password:
        click.echo(f"The login {login} {reads} Its password, shown only now:\n{password}")
        return
    click.echo(f"The role {role} {reads} Create a login in it with --login NAME, or as an administrator:")
    limit = f"connection limit {CONNECTION_LIMIT}"
    click.echo(f"    create role somebody login {limit} password '…' in role {quoted(role)};")
    for setting, value in LIMITS.items():
        click.echo(f"    alter role somebody set {setting} = '{value}';")


def confirm_removal(views: list[str]) -> None:
    """Ask before the wide views are removed. Raises ``SettingsError`` without a terminal."""
    question = f"The first reader of one account removes the wide views of every account: {join_names(views)}."
    if not sys.stdin.isatty():
        raise SettingsError(f"{question} Nothing was changed.", advice="Add --yes to remove them.")
    click.confirm(f"{question}\nDashboards and queries that use them stop working. Go on?", abort=True)
