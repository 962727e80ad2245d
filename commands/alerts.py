"""``alerts``: show the receivers and rules of alerts, and preview the alerts that they would send."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click
from sqlalchemy import Engine

from commands.demo.options import demo_option, select_settings
from commands.options import account_option
from commands.writeback.account import open_history
from pipelines.alerts.change_alerts import preview_change_alert
from pipelines.alerts.size_alert_store import AlertAccount
from pipelines.alerts.size_alerts import MODES, preview_alerts, read_alert_account
from pipelines.base.errors import SettingsError
from pipelines.config.alert_rules import TEXT_EXAMPLE, SizeRule, parse_rules
from pipelines.config.change_kinds import CHANGE_KINDS
from pipelines.config.settings import Settings


@click.command()
@click.argument("rules", required=False)
@account_option
@demo_option
def command(*, rules: str | None, account_key: str | None, demo: str | None) -> None:
    """Preview the alerts that would be sent about the latest snapshot or scan of customers.

    RULES on sizes have the format of AMOCRM_SIZE_ALERTS, such as 'down 10% in 7 days; up 500 in 1 day'. Without RULES,
    the receivers, the rules and the kinds of changes that are set for the account are shown and previewed. Alerts that
    were already sent are shown too. Nothing is sent or stored, and amoCRM is not called.
    """
    settings = select_settings(demo)
    given = None if rules is None else parse_rules(rules)
    if given == ():
        raise SettingsError("No rule is given.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    with open_history(demo, account_key) as (engine, account):
        language = settings.account_language(account.key)
        if given is not None:
            click.echo("\n\n".join(preview_sizes(engine, account.key, given, language)))
            return
        own = settings.account(account.key) if settings.has_key(account.key) else None
        size_rules = own.alerts if own else ()
        kinds = settings.change_kinds(own) if own else settings.change_alerts
        print_settings(settings, size_rules, kinds)
        texts = preview_sizes(engine, account.key, size_rules, language) if size_rules else []
        account_option = f"--demo={demo}" if demo else f"--account {account.key}"
        change_alert = preview_change_alert(engine, account.key, kinds, account_option, language)
        texts.append(change_alert.text if change_alert else "No alert on changes would be sent.")
    click.echo("\n\n".join(texts))


def preview_sizes(engine: Engine, account_key: str, rules: Sequence[SizeRule], language: str | None) -> list[str]:
    """Return the texts of the alerts that rules on sizes would send, or why there are none."""
    match read_alert_account(engine, account_key):
        case None:
            return [f"Rules on sizes do not apply to the account '{account_key}' before its first load."]
        case AlertAccount(customers_mode="periodicity", is_scanned=False):
            return [
                f"Rules on sizes do not apply to the account '{account_key}' before its customers are scanned: amoCRM "
                "does not count the customers of a stage. See docs/customers.md."
            ]
        case AlertAccount(customers_mode=mode) if mode not in MODES.values():
            return [f"Rules on sizes do not apply to the account '{account_key}': in amoCRM its customers are {mode}."]
    alerts = preview_alerts(engine, account_key, rules, language)
    return [alert.message for alert in alerts] or ["No alert on sizes would be sent."]


def print_settings(settings: Settings, rules: Sequence[SizeRule], kinds: Collection[str]) -> None:
    """Print who receives alerts, and on what."""
    names = ", ".join(receiver.name for receiver in settings.receivers)
    click.echo(f"Receivers: {names or 'none. Set AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS'}")
    if not rules:
        click.echo(f"Rules on sizes: none. Set AMOCRM_SIZE_ALERTS or alerts in accounts.toml, e.g. {TEXT_EXAMPLE}")
    else:
        click.echo("Rules on sizes:")
    for rule in rules:
        segments = f" (only {', '.join(map(str, rule.segments))})" if rule.segments else ""
        click.echo(f"  {rule.text}{segments}")
    click.echo("Changes:" if kinds else "Changes: none (AMOCRM_CHANGE_ALERTS, or change_alerts in accounts.toml)")
    for kind, meaning in CHANGE_KINDS.items():
        if kind in kinds:
            click.echo(f"  {kind}: {meaning}")
    click.echo()
