"""``auth``: authorize accounts by OAuth, and show and renew their tokens."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import click

from commands.auth.listener import RedirectListener
from commands.current_settings import load_current_settings
from commands.options import account_option, accounts_option, json_option
from commands.output import print_json
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.oauth import consent_url, parse_authorization_code
from pipelines.base.atomic_file import write_file
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import MustAuthorize, Unauthorized, WarehouseError
from pipelines.config.integration import Integration
from pipelines.config.parsing import LOCAL_HOSTS
from pipelines.config.settings import AccountSettings, AnyAccount, Settings, UnusableAccount
from pipelines.load.access import TokenExpiry, oauth_authorization, token_expiry
from pipelines.load.expiry_text import describe_expiry

BROWSER_TIMEOUT_SECONDS = 20 * 60.0
"""Time to wait for the browser: the lifetime of an authorization code."""


@click.group()
def command() -> None:
    """Authorize accounts by OAuth, and show and renew their tokens.

    Accounts with a long-lived token do not need this; docs/operations.md explains when to use OAuth. Tokens are never
    shown.
    """


@command.command()
@account_option
@click.option("--browser", "is_opened", is_flag=True, help="Open the address in this machine's browser.")
@click.option("--paste", "is_pasted", is_flag=True, help="Paste the code, if the browser is on another machine.")
def login(*, account_key: str | None, is_opened: bool, is_pasted: bool) -> None:
    """Authorize an account, for the first time or again.

    Open the printed address as an administrator of the account. If the redirect URI is on this machine, the code is
    received from the browser; otherwise paste the address that the browser was redirected to, or only the code. The
    integration's page in amoCRM shows a code too.
    """
    settings = load_current_settings()
    account = settings.account(account_key)
    authorization = oauth_authorization(account, settings)
    assert isinstance(account.token, Integration)
    click.echo(f"Open this address as an administrator of {account.host}, and allow access:\n")
    state = token_urlsafe(16)
    url = consent_url(account.token, account.base_url, state)
    click.echo(f"    {url}\n")
    with errors_name_account(account):
        code = parse_authorization_code(
            receive_code(account.token, url, state, is_opened=is_opened, is_pasted=is_pasted),
            base_url=account.base_url,
            state=state,
        )
        authorization.authorize(code)
        with AmoClient(authorization.base_url, authorization) as client:
            found = client.fetch_account()
    click.echo(
        f"account '{account.key}' ({found.name or account.host}, id {found.id}): "
        f"{describe_access(token_expiry(account, settings))}"
    )


@command.command()
@accounts_option
@json_option
def status(*, account_keys: tuple[str, ...], is_json: bool) -> None:
    """Show the kind of access of each account and when it expires.

    amoCRM is not called. The exit code is 0 if every account has access, else that of the error with which a load of
    the first account without access would fail.
    """
    settings = load_current_settings()
    accounts = [settings.any_account(key) for key in account_keys] or settings.all_accounts or [settings.account()]
    found = [read_access_status(account, settings) for account in accounts]
    if is_json:
        print_json({"accounts": [status_to_json(entry) for entry in found]})
    else:
        for entry in found:
            click.echo(
                f"account {entry.account}: {describe_access(entry.access)}" if entry.access else str(entry.error)
            )
    sys.exit(next((entry.error.exit_code for entry in found if entry.error), 0))


@command.command()
@account_option
def refresh(*, account_key: str | None) -> None:
    """Renew an account's tokens now. Loads renew them once a day."""
    settings = load_current_settings()
    account = settings.account(account_key)
    with errors_name_account(account):
        oauth_authorization(account, settings).refresh()
    click.echo(f"account '{account.key}' ({account.host}): {describe_access(token_expiry(account, settings))}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessStatus:
    """Access to one account."""

    account: AnyAccount
    access: TokenExpiry | None  # None: the account is unusable
    error: WarehouseError | None  # error of a load, as far as it is known without calling amoCRM


def read_access_status(account: AnyAccount, settings: Settings) -> AccessStatus:
    """Return the current access to an account."""
    if isinstance(account, UnusableAccount):
        return AccessStatus(account=account, access=None, error=account.error)
    access = token_expiry(account, settings)
    has_ended = access.expires_at is not None and access.expires_at <= SYSTEM_CLOCK.now()
    error = access.failure or (Unauthorized("The access has expired.") if has_ended else None)
    return AccessStatus(account=account, access=access, error=error)


def receive_code(integration: Integration, url: str, state: str, *, is_opened: bool, is_pasted: bool) -> str:
    """Return the address that the browser was redirected to from ``url``, or the text that the user pasted."""
    redirect = urlsplit(integration.redirect_uri)
    with ExitStack() as stack:
        if is_pasted or redirect.scheme != "http" or redirect.hostname not in LOCAL_HOSTS:
            if is_opened:
                stack.enter_context(opened(url))
            pasted: str = click.prompt(
                "Paste the address that the browser was redirected to, or only the code", type=str
            )
            return pasted
        listener = stack.enter_context(RedirectListener(integration.redirect_uri, state))
        click.echo(f"Waiting at {integration.redirect_uri} for the browser. Ctrl-C stops.")
        if is_opened:
            stack.enter_context(opened(url))
        address = listener.wait(BROWSER_TIMEOUT_SECONDS)
    if address is None:
        raise MustAuthorize("No code was received from the browser.")
    return address


@contextmanager
def opened(url: str) -> Iterator[None]:
    """Open an address in the browser through a private file that redirects to it and is deleted at the end.

    The address contains the login's state, and other users of the machine can read a browser's arguments.
    """
    with TemporaryDirectory(prefix="amocrm-warehouse-") as folder:
        page = Path(folder) / "login.html"
        target = escape(url)
        text = f"<!DOCTYPE html><meta charset='utf-8'><meta http-equiv='refresh' content=\"0;url='{target}'\">"
        write_file(page, f'{text}<a href="{target}">Log in to amoCRM</a>'.encode())
        webbrowser.open(page.as_uri())
        yield


def describe_access(access: TokenExpiry) -> str:
    """Describe the access in a line, with advice if there is none."""
    now = SYSTEM_CLOCK.now()
    has_access = access.failure is None and (access.expires_at is None or access.expires_at > now)
    return describe_expiry(access, now) if has_access else f"{describe_expiry(access, now)} {access.advice}"


def status_to_json(found: AccessStatus) -> dict[str, Any]:
    """Return the access for scripts."""
    return {
        "account": found.account.key,
        "host": found.account.host if isinstance(found.account, AccountSettings) else None,
        "kind": found.access and found.access.kind,
        "ends_at": found.access and found.access.expires_at and found.access.expires_at.isoformat(),
        "is_renewed": found.access and found.access.renews_automatically,
        "error": found.error and type(found.error).__name__,
        "message": found.error and found.error.message,
        "exit_code": found.error.exit_code if found.error else 0,
    }


@contextmanager
def errors_name_account(account: AccountSettings) -> Iterator[None]:
    """Add the account to errors that do not name one."""
    try:
        yield
    except WarehouseError as error:
        error.account = error.account or account.key
        raise
