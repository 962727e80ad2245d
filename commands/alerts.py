"""``alerts``: show what rules on sizes would tell now. What is told after loads is ``pipelines.size_alerts``' work."""

from __future__ import annotations

import click

from commands.demo.choice import demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from pipelines.errors import SettingsError
from pipelines.size_alerts.rules import TEXT_EXAMPLE, rules_of_text
from pipelines.size_alerts.tell import would_tell


@click.command()
@click.argument("rules")
@account_option
@demo_option
def command(*, rules: str, account_key: str | None, demo: str | None) -> None:
    """Show what RULES on sizes would tell of the newest snapshot, if nobody had been told of it yet.

    RULES are written as in AMOCRM_SIZE_ALERTS, such as 'down 10% in 7 days; up 500 in 1 day'. Nothing is sent, nothing
    is written, and nothing is asked of amoCRM.
    """
    parsed = rules_of_text(rules)
    if not parsed:
        raise SettingsError("There is no rule.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    with history_of(demo, account_key) as (engine, account):
        alerts = would_tell(engine, account.key, parsed)
    click.echo("\n\n".join(alert.message for alert in alerts) or "Nobody would be told of anything.")
