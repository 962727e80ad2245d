"""Options that several commands share."""

from __future__ import annotations

from typing import Final

import click

account_option: Final = click.option(
    "--account", "account_key", metavar="KEY", help="Key of the account, if the settings have several."
)
accounts_option: Final = click.option(
    "--account", "account_keys", metavar="KEY", multiple=True, help="Only this account; repeatable."
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="Print one JSON document instead of lines.")
