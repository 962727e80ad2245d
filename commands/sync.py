"""``sync``: load accounts once, without Dagster. Loading them is ``pipelines.fleet``'s work.

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

from commands.failures import IS_VERBOSE
from commands.place import settings_here
from commands.words import counted
from pipelines.fleet import load_fleet
from pipelines.outcome import Outcome
from pipelines.printable import printable_json
from pipelines.settings import AnyAccount, Settings
from pipelines.warehouse.engine import warehouse
from pipelines.warehouse.migrate import check
from pipelines.warehouse.outcomes import failed_keys

MOST_IN_LINES = 20
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
    settings = settings_here()
    if threads is not None:
        settings = replace(settings, threads=threads)
    accounts = chosen(settings, keys, is_all=is_all or is_retry)
    with warehouse(settings) as engine:
        check(engine)
        if is_retry:
            failed = failed_keys(engine)
            accounts = [account for account in accounts if account.key in failed]
        outcomes = load_all(engine, accounts, settings, is_json=is_json)
    if is_json:
        document = {"accounts": [as_json(outcome) for outcome in outcomes]}
        click.echo(printable_json(json.dumps(document, ensure_ascii=False, indent=2)))
    elif is_retry and not accounts:
        click.echo("Nothing to do: no account's newest load failed.")
    sys.exit(next((one.trouble.exit_code for one in outcomes if one.trouble and one.trouble.exit_code), 0))


def chosen(settings: Settings, keys: tuple[str, ...], *, is_all: bool) -> list[AnyAccount]:
    """The accounts that are meant. Raises ``SettingsError`` where the choice is not clear, or there is none."""
    if settings.all_accounts and is_all:
        return list(settings.all_accounts)
    return [settings.any_account(key) for key in dict.fromkeys(keys) or (None,)]


def load_all(engine: Engine, accounts: Sequence[AnyAccount], settings: Settings, *, is_json: bool) -> list[Outcome]:
    """Load the accounts, and tell of it on the way unless it is to be told as JSON; the outcomes, by key."""
    is_verbose = IS_VERBOSE in click.get_current_context().meta
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
            outcomes = list(fleet)
        elif len(accounts) <= MOST_IN_LINES:
            outcomes = [tell(outcome) for outcome in fleet]
        else:
            from commands.progress import follow  # noqa: PLC0415 - one account's load draws nothing

            outcomes = follow(fleet, len(accounts))
    for outcome in outcomes:
        if outcome.untold:
            click.echo(f"account '{outcome.account_key}': alerts wait for the next load. {outcome.untold}", err=True)
    return sorted(outcomes, key=lambda outcome: outcome.account_key)


def tell(outcome: Outcome) -> Outcome:
    """Print how one account's load ended."""
    click.echo(in_words(outcome), err=outcome.trouble is not None)
    return outcome


def in_words(outcome: Outcome) -> str:
    """A line for people."""
    if outcome.trouble:
        return f"{outcome.trouble.told} [{outcome.status}]"
    assert outcome.loaded
    seen, published = outcome.loaded.seen, outcome.loaded.published
    match seen.mode:
        case "segments":
            shown = counted(seen.segment_count, "segment")
        case "periodicity":
            shown = counted(seen.stage_count, "stage")
        case mode:
            shown = f"customers are {mode} in amoCRM"
    changes = [
        text
        for count, text in (
            (published.size_change_count, counted(published.size_change_count, "size") + " changed"),
            (published.opened_count, counted(published.opened_count, "version") + " opened"),
            (published.closed_count, f"{published.closed_count} closed"),
        )
        if count
    ]
    return (
        f"account '{outcome.account_key}' ({seen.account_name or seen.account_id}): {shown}; "
        f"{', '.join(changes) or 'nothing changed'}; "
        f"{counted(outcome.loaded.extracted.request_count, 'request')}, {outcome.seconds:.1f} s"
    )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The same for scripts. Keys are there whatever the status; those that do not apply are null."""
    loaded, trouble = outcome.loaded, outcome.trouble
    published = loaded and loaded.published
    return {
        "account": outcome.account_key,
        "status": outcome.status,
        "account_id": loaded and loaded.extracted.account_id,
        "observed_at": loaded and loaded.extracted.observed_at.isoformat(),
        "customers_mode": loaded and loaded.seen.mode,
        "segment_count": loaded and loaded.seen.segment_count,
        "stage_count": loaded and loaded.seen.stage_count,
        "opened_count": published and published.opened_count,
        "closed_count": published and published.closed_count,
        "size_change_count": published and published.size_change_count,
        "request_count": loaded and loaded.extracted.request_count,
        "byte_count": loaded and loaded.extracted.byte_count,
        "seconds": round(outcome.seconds, 3),
        "exit_code": trouble.exit_code if trouble else 0,
        "error": trouble and trouble.error,
        "message": trouble and trouble.told,
    }
