"""``sync``: load accounts once, without Dagster. What a load does is ``pipelines.load``'s work."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Engine

from commands.failures import Failure
from commands.place import settings_here
from commands.words import counted
from pipelines.errors import Superseded
from pipelines.load import Loaded, load_account
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.engine import warehouse
from pipelines.warehouse.migrate import check


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the load of one account ended: either ``loaded`` or ``failure`` is set."""

    account_key: str
    seconds: float
    loaded: Loaded | None = None
    failure: Failure | None = None

    @property
    def status(self) -> str:
        """In a word: loaded, superseded (another load was newer), or failed."""
        if self.failure is None:
            return "loaded"
        return "superseded" if isinstance(self.failure.error, Superseded) else "failed"


@click.command()
@click.option("--account", "keys", metavar="KEY", multiple=True, help="Load this account; may be given several times.")
@click.option("--all", "is_all", is_flag=True, help="Load every account of the settings.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")
def command(*, keys: tuple[str, ...], is_all: bool, is_json: bool) -> None:
    """Load accounts once, without Dagster; for cron.

    With one account in the settings no option is needed. Every account is tried, whatever becomes of the others; the
    exit code is 0, or that of the first account that failed. A load that fails or is killed leaves what is stored as
    it was, so the cure is always to run it again.
    """
    settings = settings_here()
    accounts = chosen(settings, keys, is_all=is_all)
    outcomes = []
    with warehouse(settings) as engine:
        check(engine)
        for account in accounts:
            outcome = load(engine, account, settings)
            outcomes.append(outcome)
            if not is_json:
                click.echo(in_words(outcome), err=outcome.failure is not None)
    if is_json:
        click.echo(json.dumps({"accounts": [as_json(outcome) for outcome in outcomes]}, ensure_ascii=False, indent=2))
    sys.exit(next((outcome.failure.exit_code for outcome in outcomes if outcome.failure), 0))


def chosen(settings: Settings, keys: tuple[str, ...], *, is_all: bool) -> list[AccountSettings]:
    """The accounts to load. Raises ``SettingsError`` where the choice is not clear."""
    if keys and is_all:
        raise click.UsageError("--account and --all exclude each other.")
    if is_all and settings.accounts:
        return list(settings.accounts)
    return [settings.account(key) for key in dict.fromkeys(keys) or (None,)]


def load(engine: Engine, account: AccountSettings, settings: Settings) -> Outcome:
    """Load one account; no error of its own leaves this function."""
    began = time.monotonic()
    loaded, failure = None, None
    try:
        loaded = load_account(engine, account, settings)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other accounts come next
        failure = Failure(error)
        failure.trace()
    return Outcome(account_key=account.key, seconds=time.monotonic() - began, loaded=loaded, failure=failure)


def in_words(outcome: Outcome) -> str:
    """A line for people."""
    if outcome.loaded is None:
        assert outcome.failure is not None
        message = outcome.failure.message
        told = message if message.startswith("account '") else f"account '{outcome.account_key}': {message}"
        return f"{told} [{outcome.status}]"
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
    loaded, failure = outcome.loaded, outcome.failure
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
        "exit_code": failure.exit_code if failure else 0,
        "error": failure and type(failure.error).__name__,
        "message": failure and failure.message,
    }
