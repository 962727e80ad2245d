"""``forget``: make a customer unknowable, or delete all that is stored of an account's single customers."""

from __future__ import annotations

import click

from commands.current_settings import load_current_settings
from commands.options import account_option
from commands.output import pluralize
from pipelines.base.errors import SettingsError
from pipelines.customers.forget import forget_all, forget_customer
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import open_warehouse, transaction
from pipelines.warehouse.migrate import check_schema
from pipelines.warehouse.state import account_id_for_key


@click.command()
@account_option
@click.option(
    "--customer", "customer_id", metavar="ID", type=click.IntRange(1, FORGOTTEN_FROM - 1), help="Forget this customer."
)
@click.option("--all-customers", "is_all", is_flag=True, help="Delete all stays and the latest scan of the account.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask for confirmation.")
def command(*, account_key: str | None, customer_id: int | None, is_all: bool, is_confirmed: bool) -> None:
    """Forget a customer: replace its id by a random one everywhere. All sums stay, and scans skip it from now on.

    With --all-customers, delete what is stored of the account's single customers instead; the numbers of analytics
    stay. Set AMOCRM_CUSTOMERS to nothing first, or the next scan stores them again. amoCRM itself is not changed.
    """
    if (customer_id is None) != is_all:
        raise click.UsageError("Name either --customer or --all-customers.")
    settings = load_current_settings()
    key = account_key or settings.any_account(None).key  # also of an account that left the settings
    what = f"customer {customer_id}" if customer_id else "all customers"
    if not is_confirmed:
        click.confirm(f"Forget {what} of account '{key}'? This cannot be undone.", abort=True)
    with open_warehouse(settings) as engine:
        check_schema(engine)
        with transaction(engine, account=key) as connection:
            account_id = account_id_for_key(connection, key)
        if account_id is None:
            raise SettingsError(
                "the account has not been loaded yet.", account=key, advice="There is nothing to forget."
            )
        if customer_id is None:
            stay_count = forget_all(engine, settings.data_dir, key, account_id)
            click.echo(f"account '{key}': {pluralize(stay_count, 'stay')} deleted")
        else:
            is_known = forget_customer(engine, settings.data_dir, key, account_id, customer_id)
            known = "forgotten" if is_known else "was not stored, and will not be"
            click.echo(f"account '{key}': customer {customer_id} {known}")
