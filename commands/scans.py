"""Scans of customers by ``sync --customers``."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import Engine

from commands.error_output import VERBOSE_KEY
from commands.output import pluralize, print_alert_error, print_json, print_unsent
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
    is_lines: bool,
) -> dict[str, PublishedScan | ErrorReport]:
    """Scan accounts one after another, and return the results by account key.

    Each is printed, as a line of JSON if ``is_lines``; if ``is_silent``, only errors are.
    The receivers get alerts about accounts whose scans start failing, keep failing or recover.
    If interrupted, print that the scan can go on.
    """
    is_verbose = VERBOSE_KEY in click.get_current_context().meta
    results: dict[str, PublishedScan | ErrorReport] = {}
    on_error = traceback.print_exception if is_verbose else lambda _: None
    try:
        for account_key, scanned in scan_accounts(engine, accounts, settings, on_error=on_error):
            results[account_key] = scanned
            if is_lines:
                line = {"time": SYSTEM_CLOCK.now().isoformat()} | scan_to_json(account_key, scanned)
                print_json(line, indent=None)
            elif isinstance(scanned, ErrorReport):
                click.echo(scanned.full_text, err=True)
            elif not is_silent:
                click.echo(f"account '{account_key}': {describe_scan(scanned)}")
            if isinstance(scanned, PublishedScan) and scanned.alert_error:
                print_alert_error(account_key, scanned.alert_error)
    except KeyboardInterrupt:
        click.echo("\nThe scan was interrupted. Within an hour, the same command goes on from its last page.", err=True)
        raise
    outcomes = {key: one if isinstance(one, ErrorReport) else None for key, one in results.items()}
    unsent = notify_of_scans(engine, receivers, outcomes, settings, clock=SYSTEM_CLOCK)
    if unsent:
        print_unsent(unsent, "scan")
    return results


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


def scan_to_json(account_key: str, scanned: PublishedScan | ErrorReport) -> dict[str, Any]:
    """Return the result for scripts. All keys are always present; those that do not apply are null."""
    error = scanned if isinstance(scanned, ErrorReport) else None
    scan = None if isinstance(scanned, ErrorReport) else scanned
    return {
        "account": account_key,
        "status": "scanned" if scan else "failed",
        "started_at": scan and scan.started_at.isoformat(),
        "customers_count": scan and scan.customers_count,
        "gone_count": scan and scan.gone_count,
        "kept_count": scan and scan.kept_count,
        "difference_count": scan and scan.difference_count,
        "request_count": scan and scan.request_count,
        "seconds": scan and round(scan.duration_seconds, 3),
        "exit_code": error.exit_code if error else 0,
        "error": error and error.error,
        "message": error and error.full_text,
    }
