"""``alerts``: show the size alert rules that are set, and preview the alerts that rules would send."""

from __future__ import annotations

from collections.abc import Sequence

import click

from commands.demo.options import demo_option, select_settings
from commands.options import account_option
from commands.writeback.account import open_history
from pipelines.alerts.send import preview_alerts, read_customers_mode
from pipelines.base.errors import SettingsError
from pipelines.config.alert_rules import TEXT_EXAMPLE, SizeRule, parse_rules


@click.command()
@click.argument("rules", required=False)
@account_option
@demo_option
def command(*, rules: str | None, account_key: str | None, demo: str | None) -> None:
    """Preview the size alerts that RULES would send about the latest snapshot.

    RULES have the format of AMOCRM_SIZE_ALERTS, such as 'down 10% in 7 days; up 500 in 1 day'. Without RULES, those
    that are set for the account are shown and previewed. Alerts that were already sent are shown too. Nothing is sent
    or stored, and amoCRM is not called.
    """
    settings = select_settings(demo)
    given = None if rules is None else parse_rules(rules)
    with open_history(demo, account_key) as (engine, account):
        if given is None:
            given = settings.account(account.key).alerts if settings.has_key(account.key) else ()
            print_rules(given, account.key)
        elif not given:
            raise SettingsError("No rule is given.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
        mode = read_customers_mode(engine, account.key)
        if mode != "segments":
            click.echo(
                f"Rules on sizes do not apply to the account '{account.key}': in amoCRM its customers are in the mode "
                f"'{mode}', which has no segments."
            )
            return
        alerts = preview_alerts(engine, account.key, given)
    click.echo("\n\n".join(alert.message for alert in alerts) or "No alert would be sent.")


def print_rules(rules: Sequence[SizeRule], account_key: str) -> None:
    """Print the rules that are set for an account."""
    if not rules:
        raise SettingsError(
            "no size alert rule is set.",
            account=account_key,
            advice="Set AMOCRM_SIZE_ALERTS in .env or alerts in accounts.toml, or try rules here, e.g. "
            f"{TEXT_EXAMPLE}.",
        )
    click.echo(f"Rules of the account '{account_key}':")
    for rule in rules:
        segments = f" (only {', '.join(map(str, rule.segments))})" if rule.segments else ""
        click.echo(f"  {rule.text}{segments}")
    click.echo()
