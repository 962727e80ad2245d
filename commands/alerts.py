"""``alerts``: show what rules on sizes would tell now. What is told after loads is ``pipelines.alerts``' work."""

from __future__ import annotations

import click

from commands.demo.options import demo_option
from commands.writeback.account import open_history
from commands.writeback.options import account_option
from pipelines.alerts.send import preview_alerts
from pipelines.base.errors import SettingsError
from pipelines.config.alert_rules import TEXT_EXAMPLE, parse_rules


@click.command()
@click.argument("rules")
@account_option
@demo_option
def command(*, rules: str, account_key: str | None, demo: str | None) -> None:
    """Show what RULES on sizes would tell of the newest snapshot, if nobody had been told of it yet.

    RULES are written as in AMOCRM_SIZE_ALERTS, such as 'down 10% in 7 days; up 500 in 1 day'. Nothing is sent, nothing
    is written, and nothing is asked of amoCRM.
    """
    parsed = parse_rules(rules)
    if not parsed:
        raise SettingsError("There is no rule.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    with open_history(demo, account_key) as (engine, account):
        alerts = preview_alerts(engine, account.key, parsed)
    click.echo("\n\n".join(alert.message for alert in alerts) or "Nobody would be told of anything.")
