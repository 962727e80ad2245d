"""``doctor``: check everything that a load needs, and advise on problems."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import chain
from typing import Final

import click
from sqlalchemy import Engine

from commands.current_settings import current_settings_folder, load_current_settings
from commands.doctor.account import check_account
from commands.doctor.alerts import check_alerts
from commands.doctor.check import Check, failed, ok
from commands.doctor.customers import check_stored_customers
from commands.doctor.database import check_database
from commands.doctor.machine import check_data_folder, check_schedule
from commands.doctor.permissions import check_env_file, check_folders, check_secret_files
from commands.doctor.probe import check_scans, print_probe
from commands.doctor.receivers import check_delivery, check_receivers
from commands.options import account_option, json_option
from commands.output import print_json
from commands.terminal_language import terminal_language
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.language import ENGLISH, Language, LazyText, gettext_noop, lazy_gettext, lazy_ngettext
from pipelines.base.text import join_names
from pipelines.config.settings import AnyAccount, Settings, UnusableAccount, load_location_settings, load_receivers
from pipelines.report.failure_words import FAILURE_WORDS
from pipelines.warehouse.engine import open_warehouse

STATUS_WORDS: Final = {
    "ok": gettext_noop("ok"),
    "warning": gettext_noop("warning"),
    "failed": gettext_noop("failed"),
}
COLORS: Final = {"ok": "green", "warning": "magenta", "failed": "red"}
MAX_WIDTH: Final = 110
MAX_ACCOUNTS_IN_FULL: Final = 10
"""Up to this number of accounts, every check is shown; of more accounts, only problems."""

STATUS_WIDTH, SUBJECT_WIDTH = 9, 26


@click.command()
@account_option
@json_option
@click.option("--probe", "is_probe", is_flag=True, help="Instead find out, by reading only, what amoCRM's API does.")
@click.option("--scan-cost", "with_scan_cost", is_flag=True, help="Also estimate what a scan of customers costs.")
@click.option("--send-test-alert", is_flag=True, help="Also send a test message to each receiver of alerts.")
def command(
    *, account_key: str | None, is_json: bool, is_probe: bool, with_scan_cost: bool, send_test_alert: bool
) -> None:
    """Check settings, tokens, database and clock, and advise on problems.

    Checks settings, secrets, data folder, database, migrations, roles and schedule, and for each account its token,
    access, rights, mode, clock and identity. With many accounts, only their problems are shown. Nothing is loaded or
    changed, except that expired OAuth tokens are renewed. The exit code is 0 if no check failed, else that of the error
    with which a load would fail.

    With --probe, the text that is printed has no ids, names or hosts, so that it can be pasted into an issue. amoCRM's
    documentation leaves open what it finds out. Later loads use it.
    """
    if is_probe:
        settings = load_current_settings()
        print_probe(settings.account(account_key), settings, SYSTEM_CLOCK, is_json=is_json)
        return
    try:
        settings = load_current_settings()
    except SettingsError as error:
        setting, checks, is_brief = None, checks_without_settings(error, SYSTEM_CLOCK), False
    else:
        setting = settings.language
        accounts = [account for account in settings.all_accounts if account_key in (None, account.key)]
        checks = all_checks(settings, account_key, accounts, SYSTEM_CLOCK)
        is_brief = len(accounts) > MAX_ACCOUNTS_IN_FULL
        if with_scan_cost or not is_brief:
            checks = chain(checks, check_scans(accounts, settings, SYSTEM_CLOCK, with_cost=with_scan_cost))
    language, found = terminal_language(setting), []
    if send_test_alert:
        receivers = load_receivers(os.environ, current_settings_folder())
        checks = chain(checks, check_delivery(receivers, SYSTEM_CLOCK, language))
    for check in checks:
        found.append(check)
        if not is_json and not (is_brief and check.account is not None and check.status == "ok"):
            print_check(check, language)
    exit_code = next((check.exit_code for check in found if check.status == "failed"), 0)
    if is_json:
        print_json({"checks": [asdict(check) for check in found]})
    else:
        if is_brief:
            click.echo(describe_ok_accounts(found, language))
        click.echo(f"\n{summarize(found, language)}")
    sys.exit(exit_code)


def checks_without_settings(error: SettingsError, clock: Clock) -> Iterator[Check]:
    """Yield the checks that are possible with invalid settings: of the data folder and database, if these are known."""
    yield failed(lazy_gettext("settings"), error)
    partial_settings = load_location_settings(os.environ, current_settings_folder())
    if partial_settings is not None:
        yield from check_env_file(current_settings_folder() / ".env")
        yield check_data_folder(partial_settings)
        yield from check_warehouse_and_accounts(partial_settings, [], clock)


def all_checks(settings: Settings, key: str | None, accounts: Sequence[AnyAccount], clock: Clock) -> Iterator[Check]:
    """Yield every check, whether or not earlier ones failed. ``accounts`` are those that ``key`` selects."""
    keys = [one.key for one in settings.all_accounts]
    try:
        settings.any_account(key or (None if len(keys) < 2 else keys[0]))
    except SettingsError as error:
        yield failed(lazy_gettext("settings"), error)
    else:
        finding = lazy_ngettext(
            "%(count)s account: %(keys)s.",
            "%(count)s accounts: %(keys)s.",
            len(keys),
            keys=lambda language: join_names(keys, language=language),
        )
        yield ok(lazy_gettext("settings"), finding)
    yield from check_env_file(current_settings_folder() / ".env")
    yield from check_secret_files(settings, current_settings_folder())
    yield check_data_folder(settings)
    yield from check_folders(settings, current_settings_folder())
    yield from check_warehouse_and_accounts(settings, accounts, clock)
    yield check_schedule(settings)


def check_warehouse_and_accounts(settings: Settings, accounts: Sequence[AnyAccount], clock: Clock) -> Iterator[Check]:
    """Yield the checks of the database and of each account; accounts are checked also without a database."""
    with ExitStack() as stack:
        engine = None
        try:
            engine = stack.enter_context(open_warehouse(settings))
        except WarehouseError as error:
            yield failed(lazy_gettext("database: access"), error)
        else:
            yield from check_database(engine)
            scanned_keys = {
                one.key for one in settings.all_accounts if isinstance(one, UnusableAccount) or one.customers
            }
            yield from check_stored_customers(engine, scanned_keys)
        yield from check_receivers(settings.receivers, engine)
        for account in accounts:
            for check in check_any_account(account, settings, engine, clock):
                yield replace(check, account=account.key)


def check_any_account(account: AnyAccount, settings: Settings, engine: Engine | None, clock: Clock) -> Iterator[Check]:
    """Yield every check of one account."""
    if isinstance(account, UnusableAccount):
        yield failed(lazy_gettext("account '%(key)s': settings", key=account.key), account.error)
    else:
        yield from check_account(account, settings, engine, clock)
        yield from check_alerts(account, settings, engine)


def print_check(check: Check, language: Language) -> None:
    """Print a check in one or more lines."""
    word, subject = language.gettext(STATUS_WORDS[check.status]), language.render(check.subject)
    status = click.style(f"{word:{STATUS_WIDTH}}", COLORS[check.status])
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    indent = " " * (STATUS_WIDTH + SUBJECT_WIDTH)
    # Words are never broken, so that commands and paths can be copied.
    wrap = textwrap.TextWrapper(width=width - len(indent), break_on_hyphens=False, break_long_words=False)
    lines = [part for line in describe_finding(check, language).splitlines() for part in wrap.wrap(line)]
    if check.advice:
        wrap.initial_indent, wrap.subsequent_indent = "→ ", "  "
        lines += wrap.wrap(language.render(check.advice))
    first_line = f"{subject:{SUBJECT_WIDTH}}" if len(subject) < SUBJECT_WIDTH else f"{subject}\n{indent}"
    click.echo(f"{status}{first_line}" + f"\n{indent}".join(lines))


def describe_finding(check: Check, language: Language) -> str:
    """Translate a finding; an error that has only an English text gets words before it."""
    if language == ENGLISH or isinstance(check.finding, LazyText) or check.error not in FAILURE_WORDS:
        return language.render(check.finding)
    return f"{language.gettext(FAILURE_WORDS[check.error])}: {check.finding}"


def describe_ok_accounts(found: Sequence[Check], language: Language) -> str:
    """Return the number of accounts without problems, as a sentence."""
    not_ok = {check.account for check in found if check.status != "ok"}
    ok_accounts = {check.account for check in found} - not_ok - {None}
    return language.ngettext("%(count)s account is ok.", "%(count)s accounts are ok.", len(ok_accounts))


def summarize(found: Sequence[Check], language: Language) -> str:
    """Return the counts, and the names of failed checks, which may have scrolled away."""
    counts = Counter(check.status for check in found)
    if not counts["failed"] and not counts["warning"]:
        return language.ngettext("%(count)s check passed.", "All %(count)s checks passed.", len(found))
    parts = []
    if counts["warning"]:
        parts.append(language.ngettext("%(count)s warning", "%(count)s warnings", counts["warning"]))
    if counts["failed"]:
        parts.append(language.ngettext("%(count)s failed", "%(count)s failed", counts["failed"]))
    parts.append(language.ngettext("%(count)s ok", "%(count)s ok", counts["ok"]))
    names = join_names(
        [language.render(check.subject) for check in found if check.status == "failed"], language=language
    )
    failures = language.gettext("Failed: %(names)s.", names=names) if names else ""
    return f"{', '.join(parts)}. {failures}".rstrip()
