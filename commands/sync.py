"""``sync``: load accounts once, without Dagster."""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from commands.current_settings import load_current_settings
from commands.error_output import VERBOSE_KEY
from commands.options import accounts_option, json_option
from commands.output import pluralize, print_alert_error, print_json, print_unsent
from commands.scans import scan_all, scan_to_json, select_scanned
from pipelines.alerts.delivery import AlertNotSent, deliver
from pipelines.alerts.failure_alert import ALL_ACCOUNTS, FailureAlert
from pipelines.alerts.load_outcomes import read_failing_keys, transitions_since
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.program import with_program_name
from pipelines.config.receivers import Receiver
from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.failure_alerts import alert_language, fleet_alerts, send_once
from pipelines.load.fleet_summary import format_failures, format_headline
from pipelines.load.open_fleet import open_fleet
from pipelines.load.result import ErrorReport, LoadResult
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import check_schema
from pipelines.warehouse.wide_views import find_outdated_view

MAX_ACCOUNTS_AS_LINES = 20
"""Up to this number, each account has a line; of more accounts, only failed ones are named."""

DEFAULT_THREADS = Settings(data_dir=Path()).threads


@click.command()
@accounts_option
@click.option("--all", "is_all", is_flag=True, help="Load every account of the settings.")
@click.option("--retry-failed", "is_retry", is_flag=True, help="Load the accounts whose latest load failed.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    help=f"Accounts loaded in parallel (default: AMOCRM_THREADS, or {DEFAULT_THREADS}).",
)
@click.option(
    "--notify",
    "is_notifying",
    is_flag=True,
    help="Send alerts about accounts that start failing, keep failing or recover, as Dagster does.",
)
@click.option("--quiet", "is_quiet", is_flag=True, help="Print only failures, so that cron mails only those.")
@click.option(
    "--customers", "is_scanning", is_flag=True, help="Then scan the customers of accounts that have scans switched on."
)
@json_option
@click.option("--json-lines", "is_lines", is_flag=True, help="Print a line of JSON per account, as a log.")
def command(  # noqa: PLR0913 - an argument per option
    *,
    account_keys: tuple[str, ...],
    is_all: bool,
    is_retry: bool,
    threads: int | None,
    is_notifying: bool,
    is_quiet: bool,
    is_scanning: bool,
    is_json: bool,
    is_lines: bool,
) -> None:
    """Load accounts once, without Dagster (for cron).

    With one account in the settings, no option is needed. Several accounts are loaded in parallel, and a failure of one
    does not stop the others. The exit code is 0, or that of the first failed account by key. A load that fails or is
    killed leaves stored data unchanged, so it is always safe to run it again.
    """
    if (bool(account_keys), is_all, is_retry).count(True) > 1:
        raise click.UsageError("--account, --all and --retry-failed exclude each other.")
    if (is_quiet, is_json, is_lines).count(True) > 1:
        raise click.UsageError("--quiet, --json and --json-lines exclude each other.")
    settings = load_current_settings()
    receivers = settings.receivers if is_notifying else ()
    if is_notifying and not receivers:
        raise SettingsError(
            "--notify needs a receiver.", advice="Set AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS in .env."
        )
    if threads is not None:
        settings = replace(settings, threads=threads)
    accounts = select_accounts(settings, account_keys, is_all=is_all or is_retry)
    scanned = select_scanned(accounts, is_all=is_all or is_retry) if is_scanning else []
    with errors_notified(receivers, settings), open_warehouse(settings) as engine:
        check_schema(engine)
        if is_retry:
            failed = read_failing_keys(engine)
            accounts = [account for account in accounts if account.key in failed]
        started_at = datetime.now(UTC)
        report = print_line if is_lines else None if is_json or is_quiet else print_outcome
        results = load_all(engine, accounts, settings, report)
        if receivers:
            notify_of_results(engine, receivers, results, started_at, settings)
        loaded_keys = {result.account_key for result in results if result.loaded}
        to_scan = [account for account in scanned if account.key in loaded_keys]
        scans = scan_all(engine, to_scan, settings, receivers, is_silent=is_quiet or is_json, is_lines=is_lines)
        if len(results) <= MAX_ACCOUNTS_AS_LINES:  # doctor checks the views of more accounts
            with suppress(WarehouseError):  # the loads are stored, so a lost connection now is no failure
                print_outdated_views(engine, results)
    if is_json:
        print_json(
            {
                "accounts": [outcome_to_json(result) for result in results],
                "scans": [scan_to_json(key, scanned) for key, scanned in scans.items()],
            }
        )
    elif is_quiet:
        print_failures(results)
    elif is_retry and not accounts:
        click.echo("Nothing to do: no account's latest load failed.")
    failures = (
        *(one.failure for one in results),
        *(one for one in scans.values() if isinstance(one, ErrorReport)),
    )
    sys.exit(next((failure.exit_code for failure in failures if failure and failure.exit_code), 0))


def select_accounts(settings: Settings, keys: tuple[str, ...], *, is_all: bool) -> list[AnyAccount]:
    """Return the accounts to load. Raises ``SettingsError`` if the choice is ambiguous or empty."""
    if settings.all_accounts and is_all:
        return list(settings.all_accounts)
    if not keys and len(settings.all_accounts) > 1:
        raise SettingsError("Several accounts are set.", advice="Choose some with --account, or all with --all.")
    return [settings.any_account(key) for key in dict.fromkeys(keys) or (None,)]


def load_all(
    engine: Engine, accounts: Sequence[AnyAccount], settings: Settings, report: Callable[[LoadResult], object] | None
) -> list[LoadResult]:
    """Load the accounts, report each, and return the results by key. Lines of many accounts become a progress."""
    is_verbose = VERBOSE_KEY in click.get_current_context().meta
    on_error = traceback.print_exception if is_verbose else lambda _: None
    with (
        open_fleet(engine, accounts, settings, on_error=on_error) as fleet,
        interruption_reported(fleet, len(accounts)) as reported,
    ):
        if report is print_outcome and len(accounts) > MAX_ACCOUNTS_AS_LINES:
            from commands.fleet_progress import show_fleet_progress  # noqa: PLC0415 - imports rich

            results = show_fleet_progress(reported, len(accounts))
        else:
            results = []
            for result in reported:
                results.append(result)
                if report:
                    report(result)
    for result in results:
        if result.alert_error:
            print_alert_error(result.account_key, result.alert_error)
    return sorted(results, key=lambda result: result.account_key)


@contextmanager
def errors_notified(receivers: Sequence[Receiver], settings: Settings) -> Iterator[None]:
    """If no account can be loaded, for example without the database, send an alert each time and re-raise the error."""
    try:
        yield
    except WarehouseError as error:
        if receivers:
            alert = FailureAlert(
                account=ALL_ACCOUNTS,
                error=type(error).__name__,
                what_happened=error.message,
                what_to_do=error.advice,
                run_id=None,
                language=alert_language(settings, None),
            )
            try:
                deliver(receivers, alert, sleep=time.sleep)
            except AlertNotSent as unsent:
                click.echo(f"No alert was sent. {unsent}", err=True)
        raise


def notify_of_results(
    engine: Engine,
    receivers: Sequence[Receiver],
    results: Sequence[LoadResult],
    started_at: datetime,
    settings: Settings,
) -> None:
    """Send the alerts about accounts that started failing, still fail or recovered. An error is printed only."""
    try:
        transitions = transitions_since(engine, started_at, [result.account_key for result in results])
    except WarehouseError:  # the results of the loads say why
        transitions = []
    for alert, reported in fleet_alerts(results, transitions, settings):
        try:
            failure = send_once(engine, receivers, alert, reported, sleep=time.sleep)
        except AlertNotSent as error:
            failure = str(error)
        if failure:
            print_unsent(failure, "load")


@contextmanager
def interruption_reported(fleet: Iterator[LoadResult], total: int) -> Iterator[Iterator[LoadResult]]:
    """Yield the fleet's results; if the program is interrupted, print how far the fleet came."""
    results: list[LoadResult] = []

    def remembered() -> Iterator[LoadResult]:
        for result in fleet:
            results.append(result)
            yield result

    try:
        yield remembered()
    except KeyboardInterrupt:
        counts = Counter(result.status for result in results)
        failed = f", {counts['failed']:,} failed" if counts["failed"] else ""
        left = pluralize(total - len(results), "account")
        click.echo(
            f"\n{counts['loaded']:,} of {pluralize(total, 'account')} loaded{failed}; {left} left. "
            "Run the same command to load them.",
            err=True,
        )
        raise


def print_failures(results: Sequence[LoadResult]) -> None:
    """Print to standard error what failed, with counts; nothing if no load failed."""
    if not any(result.failure for result in results):
        return
    click.echo(format_headline(results), err=True)
    for paragraph in format_failures(results):
        click.echo(f"\n{paragraph}", err=True)
    for result in results:
        if result.status == "superseded":
            print_outcome(result)


def print_outdated_views(engine: Engine, results: Sequence[LoadResult]) -> None:
    """Print which accounts have a wide view that cannot follow their fields, and what to do."""
    for result in results:
        if result.loaded:
            account_id = result.loaded.extracted.account_id
            view = find_outdated_view(engine, account_id, account=result.account_key)
            if view:
                text = f"account '{result.account_key}': {view.finding} {view.advice}"
                click.echo(with_program_name(text), err=True)


def print_outcome(result: LoadResult) -> None:
    """Print the outcome of one account's load."""
    click.echo(describe_outcome(result), err=result.failure is not None)


def print_line(result: LoadResult) -> None:
    """Print the outcome of one account's load as a line of JSON, with the time at which it ended."""
    print_json({"time": datetime.now(UTC).isoformat()} | outcome_to_json(result), indent=None)


def describe_outcome(result: LoadResult) -> str:
    """Describe the outcome of one account's load in a line."""
    if result.failure:
        return f"{result.failure.full_text} [{result.status}]"
    assert result.loaded
    summary, published = result.loaded.summary, result.loaded.published
    match summary.mode:
        case "segments":
            contents = pluralize(summary.segment_count, "segment")
        case "periodicity":
            contents = pluralize(summary.stage_count, "stage")
        case mode:
            contents = f"customers are {mode} in amoCRM"
    changes = [
        text
        for count, text in (
            (published.size_change_count, pluralize(published.size_change_count, "size") + " changed"),
            (published.opened_count, pluralize(published.opened_count, "version") + " opened"),
            (published.closed_count, f"{published.closed_count} closed"),
        )
        if count
    ]
    return (
        f"account '{result.account_key}' ({summary.account_name or summary.account_id}): {contents}; "
        f"{', '.join(changes) or 'nothing changed'}; "
        f"{pluralize(result.loaded.extracted.request_count, 'request')}, {result.seconds:.1f} s"
    )


def outcome_to_json(result: LoadResult) -> dict[str, Any]:
    """Return the outcome for scripts. All keys are always present; those that do not apply are null."""
    loaded, error = result.loaded, result.failure
    published = loaded and loaded.published
    return {
        "account": result.account_key,
        "status": result.status,
        "account_id": loaded and loaded.extracted.account_id,
        "observed_at": loaded and loaded.extracted.observed_at.isoformat(),
        "customers_mode": loaded and loaded.summary.mode,
        "segment_count": loaded and loaded.summary.segment_count,
        "stage_count": loaded and loaded.summary.stage_count,
        "opened_count": published and published.opened_count,
        "closed_count": published and published.closed_count,
        "size_change_count": published and published.size_change_count,
        "request_count": loaded and loaded.extracted.request_count,
        "byte_count": loaded and loaded.extracted.byte_count,
        "seconds": round(result.seconds, 3),
        "exit_code": error.exit_code if error else 0,
        "error": error and error.error,
        "message": error and error.full_text,
    }
