"""``sync``: load accounts once, without Dagster. Loading them is ``pipelines.load.fleet``'s work.

How many of them look on their way is ``progress``' subject.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import click
from sqlalchemy import Engine

from commands.current_settings import load_current_settings
from commands.error_output import VERBOSE_KEY
from commands.text import pluralize
from pipelines.alerts.load_outcomes import read_failing_keys
from pipelines.base.escape import printable_json
from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.fleet import load_fleet
from pipelines.load.result import LoadResult
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import check_schema

MAX_ACCOUNTS_AS_LINES = 20
"""Accounts that have a line each; of more only those that failed are named."""


@click.command()
@click.option("--account", "keys", metavar="KEY", multiple=True, help="Load this account; may be given several times.")
@click.option("--all", "is_all", is_flag=True, help="Load every account of the settings.")
@click.option("--retry-failed", "is_retry", is_flag=True, help="Load the accounts whose newest load failed.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    help="Accounts loaded at a time; by default as AMOCRM_THREADS says, or 8.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")
def command(*, keys: tuple[str, ...], is_all: bool, is_retry: bool, threads: int | None, is_json: bool) -> None:
    """Load accounts once, without Dagster; for cron.

    With one account in the settings no option is needed. Several are loaded side by side, and every account is tried,
    whatever becomes of the others; the exit code is 0, or that of the first account, by key, that failed. A load that
    fails or is killed leaves what is stored as it was, so the cure is always to run it again.
    """
    if (bool(keys), is_all, is_retry).count(True) > 1:
        raise click.UsageError("--account, --all and --retry-failed exclude each other.")
    settings = load_current_settings()
    if threads is not None:
        settings = replace(settings, threads=threads)
    accounts = select_accounts(settings, keys, is_all=is_all or is_retry)
    with open_warehouse(settings) as engine:
        check_schema(engine)
        if is_retry:
            failed = read_failing_keys(engine)
            accounts = [account for account in accounts if account.key in failed]
        results = load_all(engine, accounts, settings, is_json=is_json)
    if is_json:
        document = {"accounts": [outcome_to_json(result) for result in results]}
        click.echo(printable_json(json.dumps(document, ensure_ascii=False, indent=2)))
    elif is_retry and not accounts:
        click.echo("Nothing to do: no account's newest load failed.")
    sys.exit(next((one.failure.exit_code for one in results if one.failure and one.failure.exit_code), 0))


def select_accounts(settings: Settings, keys: tuple[str, ...], *, is_all: bool) -> list[AnyAccount]:
    """The accounts that are meant. Raises ``SettingsError`` where the choice is not clear, or there is none."""
    if settings.all_accounts and is_all:
        return list(settings.all_accounts)
    return [settings.any_account(key) for key in dict.fromkeys(keys) or (None,)]


def load_all(engine: Engine, accounts: Sequence[AnyAccount], settings: Settings, *, is_json: bool) -> list[LoadResult]:
    """Load the accounts, and tell of it on the way unless it is to be told as JSON; the outcomes, by key."""
    is_verbose = VERBOSE_KEY in click.get_current_context().meta
    with closing(
        load_fleet(
            engine,
            accounts,
            settings,
            threads=settings.threads,
            on_error=traceback.print_exception if is_verbose else lambda _: None,
        )
    ) as fleet:
        if is_json:
            results = list(fleet)
        elif len(accounts) <= MAX_ACCOUNTS_AS_LINES:
            results = [print_outcome(result) for result in fleet]
        else:
            from commands.fleet_progress import show_progress  # noqa: PLC0415 - one account's load draws nothing

            results = show_progress(fleet, len(accounts))
    for result in results:
        if result.alert_error:
            click.echo(f"account '{result.account_key}': alerts wait for the next load. {result.alert_error}", err=True)
    return sorted(results, key=lambda result: result.account_key)


def print_outcome(result: LoadResult) -> LoadResult:
    """Print how one account's load ended."""
    click.echo(describe_outcome(result), err=result.failure is not None)
    return result


def describe_outcome(result: LoadResult) -> str:
    """A line for people."""
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
    """The same for scripts. Keys are there whatever the status; those that do not apply are null."""
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
