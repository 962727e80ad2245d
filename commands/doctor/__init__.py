"""``doctor``: look at all that a load needs, one thing after another, and say what to do about what is amiss."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from commands.doctor.account import check_account
from commands.doctor.alerts import check_alerts
from commands.doctor.check import Check, failed, ok
from commands.doctor.database import check_database
from commands.doctor.machine import check_env_file, check_folder, check_schedule
from commands.words import counted
from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import SettingsError, WarehouseError
from pipelines.settings import Settings, UnusableAccount, load_settings
from pipelines.warehouse.engine import warehouse

COLORS: Final = {"ok": "green", "warning": "magenta", "failed": "red"}
WIDEST: Final = 110
STATUS_WIDTH, SUBJECT_WIDTH = 9, 26


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")
def command(*, is_json: bool) -> None:
    """Check all that a load needs, and say what to do about what is amiss.

    Settings, secrets, data folder, database, migrations, schedule; and for each account its token, access, rights,
    mode, clock, and that its history belongs to it. Nothing is changed and nothing is loaded; access by OAuth is
    renewed where it has ended. The exit code is 0 where no check failed, else that of the error which a load would end
    with.
    """
    found = []
    for check in all_checks(SYSTEM_CLOCK):
        found.append(check)
        if not is_json:
            show(check)
    exit_code = next((check.exit_code for check in found if check.status == "failed"), 0)
    if is_json:
        click.echo(json.dumps({"checks": [asdict(check) for check in found]}, ensure_ascii=False, indent=2))
    else:
        click.echo(conclusion(found))
    sys.exit(exit_code)


def all_checks(clock: Clock) -> Iterator[Check]:
    """Every check, whatever became of those before it."""
    try:
        settings = load_settings(os.environ, Path.cwd())
    except SettingsError as error:
        yield failed("settings", error)
        return
    try:
        settings.any_account(None if len(settings.all_accounts) < 2 else settings.all_accounts[0].key)
    except SettingsError as error:
        yield failed("settings", error)
    else:
        yield ok(
            "settings",
            f"{counted(len(settings.all_accounts), 'account')}: {', '.join(one.key for one in settings.all_accounts)}.",
        )
    yield from check_env_file(Path.cwd() / ".env")
    yield check_folder(settings)
    yield from check_warehouse_and_accounts(settings, clock)
    yield check_schedule(settings)


def check_warehouse_and_accounts(settings: Settings, clock: Clock) -> Iterator[Check]:
    """The database, and every account with it, or without it where there is none."""
    with ExitStack() as stack:
        engine = None
        try:
            engine = stack.enter_context(warehouse(settings))
        except WarehouseError as error:
            yield failed("database: access", error)
        else:
            yield from check_database(engine)
        for account in settings.all_accounts:
            if isinstance(account, UnusableAccount):
                yield failed(f"account '{account.key}': settings", account.error)
            else:
                yield from check_account(account, settings, engine, clock)
                yield from check_alerts(account, settings, engine)


def show(check: Check) -> None:
    """The check as a line or a few."""
    status, subject = click.style(f"{check.status:{STATUS_WIDTH}}", COLORS[check.status]), check.subject
    width = min(shutil.get_terminal_size().columns, WIDEST)
    indent = " " * (STATUS_WIDTH + SUBJECT_WIDTH)
    lines = [part for line in check.finding.splitlines() for part in textwrap.wrap(line, width - len(indent))]
    if check.advice:
        lines += textwrap.wrap(check.advice, width - len(indent), initial_indent="→ ", subsequent_indent="  ")
    click.echo(f"{status}{subject:{SUBJECT_WIDTH - 1}} " + f"\n{indent}".join(lines))


def conclusion(found: list[Check]) -> str:
    """All in one line."""
    counts = Counter(check.status for check in found)
    if counts["failed"] or counts["warning"]:
        told = [counted(counts["warning"], "warning")] if counts["warning"] else []
        told += [f"{counts['failed']} failed"] if counts["failed"] else []
        return f"\n{', '.join(told)}, {counts['ok']} ok."
    return f"\nAll {len(found)} checks passed."
