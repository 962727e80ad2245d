"""Scans of customers by ``sync --customers``."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click
from sqlalchemy import Engine

from commands.error_output import VERBOSE_KEY
from commands.output import pluralize, print_alert_error, print_unsent
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import SettingsError
from pipelines.config.receivers import Receiver
from pipelines.config.settings import AnyAccount, Settings, UnusableAccount
from pipelines.customers.failure_alerts import notify_of_scans
from pipelines.customers.fleet import scan_accounts
from pipelines.customers.publish_scan import PublishedScan
from pipelines.load.result import ErrorReport


def select_scanned(accounts: Sequence[AnyAccount], *, is_all: bool) -> list[AnyAccount]:
    """Return the accounts to scan. Raises ``SettingsError`` if customers are off for one that was named, or for all."""
    switched_off = [one for one in accounts if not isinstance(one, UnusableAccount) and one.customers is None]
    scanned = [one for one in accounts if one not in switched_off]
    if not scanned or (switched_off and not is_all):
        raise SettingsError(
            "Scans of customers are switched off.",
            account=None if not switched_off or is_all else switched_off[0].key,
            advice='Read docs/customers.md, then set AMOCRM_CUSTOMERS=daily in .env, or customers = "daily" in '
            "accounts.toml.",
        )
    return scanned


def scan_all(
    engine: Engine,
    accounts: Sequence[AnyAccount],
    settings: Settings,
    receivers: Sequence[Receiver],
    *,
    is_silent: bool,
) -> list[ErrorReport]:
    """Scan accounts one after another, print each result unless ``is_silent``, and return the errors.

    The receivers get alerts about accounts whose scans start failing, keep failing or recover.
    If interrupted, print that the scan can go on.
    """
    is_verbose = VERBOSE_KEY in click.get_current_context().meta
    outcomes: dict[str, ErrorReport | None] = {}
    on_error = traceback.print_exception if is_verbose else lambda _: None
    try:
        for account_key, scanned in scan_accounts(engine, accounts, settings, on_error=on_error):
            outcomes[account_key] = scanned if isinstance(scanned, ErrorReport) else None
            if isinstance(scanned, ErrorReport):
                click.echo(scanned.full_text, err=True)
                continue
            if not is_silent:
                click.echo(f"account '{account_key}': {describe_scan(scanned)}")
            if scanned.alert_error:
                print_alert_error(account_key, scanned.alert_error)
    except KeyboardInterrupt:
        click.echo("\nThe scan was interrupted. Within an hour, the same command goes on from its last page.", err=True)
        raise
    unsent = notify_of_scans(engine, receivers, outcomes, settings, clock=SYSTEM_CLOCK)
    if unsent:
        print_unsent(unsent, "scan")
    return [failure for failure in outcomes.values() if failure]


def describe_scan(scan: PublishedScan) -> str:
    """Describe a scan in a line."""
    parts = [f"{pluralize(scan.customers_count, 'customer')}, {scan.gone_count:,} gone"]
    if scan.kept_count:
        parts.append(f"{scan.kept_count:,} could not be read and stay where they were")
    if scan.difference_count:
        parts.append(
            f"{pluralize(scan.difference_count, 'segment')} whose members are not as many as amoCRM counts "
            "(analytics.member_differences)"
        )
    return "; ".join((*parts, f"{pluralize(scan.request_count, 'request')}, {scan.duration_seconds:.1f} s"))
