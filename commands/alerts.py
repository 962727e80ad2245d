"""``alerts``: preview the size alerts that rules would send."""

from __future__ import annotations

import click

from commands.demo.options import demo_option
from commands.options import account_option
from commands.writeback.account import open_history
from pipelines.alerts.send import preview_alerts
from pipelines.base.errors import SettingsError
from pipelines.config.alert_rules import TEXT_EXAMPLE, parse_rules


@click.command()
@click.argument("rules")
@account_option
@demo_option
def command(*, rules: str, account_key: str | None, demo: str | None) -> None:
    """Preview the size alerts that RULES would send about the latest snapshot.

    RULES have the format of AMOCRM_SIZE_ALERTS, such as 'down 10% in 7 days; up 500 in 1 day'. Alerts that were already
    sent are shown too. Nothing is sent or stored, and amoCRM is not called.
    """
    parsed = parse_rules(rules)
    if not parsed:
        raise SettingsError("No rule is given.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    with open_history(demo, account_key) as (engine, account):
        alerts = preview_alerts(engine, account.key, parsed)
    click.echo("\n\n".join(alert.message for alert in alerts) or "No alert would be sent.")
