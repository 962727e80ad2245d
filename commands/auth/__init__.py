"""``auth``: give access to accounts by OAuth, see how long it lasts, renew it. What access is, ``pipelines`` knows."""

from __future__ import annotations

import json
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
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.oauth import consent_url, parse_authorization_code
from pipelines.base.atomic_file import write_file
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import MustAuthorize, Unauthorized, WarehouseError
from pipelines.base.escape import printable_json
from pipelines.config.integration import Integration
from pipelines.config.parsing import LOCAL_HOSTS
from pipelines.config.settings import AccountSettings, AnyAccount, Settings, UnusableAccount
from pipelines.load.connection import TokenExpiry, oauth_authorization, token_expiry

BROWSER_TIMEOUT_SECONDS = 20 * 60.0
"""How long the browser is waited for: as long as a code is good."""


@click.group()
def command() -> None:
    """Give access to accounts by OAuth, see how long it lasts, renew it.

    With a long-lived token none of this is needed; docs/operations.md says when OAuth is better. No token is shown.
    """


@command.command()
@click.option("--account", "key", metavar="KEY", help="The account; not needed where there is only one.")
@click.option("--browser", "is_opened", is_flag=True, help="Open the address in this machine's browser.")
@click.option("--paste", "is_pasted", is_flag=True, help="Paste the code, where the browser is on another machine.")
def login(*, key: str | None, is_opened: bool, is_pasted: bool) -> None:
    """Give access to an account, for the first time or again.

    Shows an address to open as an administrator of the account. The code that follows is taken from the browser where
    the redirect URI is on this machine; otherwise paste the address that the browser was sent to, or the code alone.
    The integration's page in amoCRM shows a code, too.
    """
    settings = load_current_settings()
    account = settings.account(key)
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
        f"account '{account.key}' ({found.name or account.host}, id {found.id}): {describe_expiry(token_expiry(account, settings))}"
    )


@command.command()
@click.option("--account", "keys", metavar="KEY", multiple=True, help="Only this account; may be given several times.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document in place of lines.")
def status(*, keys: tuple[str, ...], is_json: bool) -> None:
    """Show what kind of access each account has, and how long it lasts.

    Nothing is asked of amoCRM. The exit code is 0 where every account has access, else that of the error which a load
    of the first other one would end with.
    """
    settings = load_current_settings()
    accounts = [settings.any_account(key) for key in keys] if keys else settings.all_accounts or [settings.account()]
    found = [read_access_status(account, settings) for account in accounts]
    if is_json:
        document = {"accounts": [status_to_json(entry) for entry in found]}
        click.echo(printable_json(json.dumps(document, ensure_ascii=False, indent=2)))
    else:
        for entry in found:
            click.echo(
                f"account {entry.account}: {describe_expiry(entry.access)}" if entry.access else str(entry.error)
            )
    sys.exit(next((entry.error.exit_code for entry in found if entry.error), 0))


@command.command()
@click.option("--account", "key", metavar="KEY", help="The account; not needed where there is only one.")
def refresh(*, key: str | None) -> None:
    """Renew the access to an account now. Loads do that by themselves, once a day."""
    settings = load_current_settings()
    account = settings.account(key)
    with errors_name_account(account):
        oauth_authorization(account, settings).refresh()
    click.echo(f"account '{account.key}' ({account.host}): {describe_expiry(token_expiry(account, settings))}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessStatus:
    """An account, and the access to it."""

    account: AnyAccount
    access: TokenExpiry | None  # None: the account is unusable
    error: WarehouseError | None  # what a load would end with, by what is known without asking


def read_access_status(account: AnyAccount, settings: Settings) -> AccessStatus:
    """The access to an account as it is now."""
    if isinstance(account, UnusableAccount):
        return AccessStatus(account=account, access=None, error=account.error)
    access = token_expiry(account, settings)
    has_ended = access.expires_at is not None and access.expires_at <= SYSTEM_CLOCK.now()
    error = access.failure or (Unauthorized("The access has ended.") if has_ended else None)
    return AccessStatus(account=account, access=access, error=error)


def receive_code(integration: Integration, url: str, state: str, *, is_opened: bool, is_pasted: bool) -> str:
    """What the user got after opening ``url``: the address that the browser was sent to, or what is pasted."""
    redirect = urlsplit(integration.redirect_uri)
    with ExitStack() as stack:
        if is_pasted or redirect.scheme != "http" or redirect.hostname not in LOCAL_HOSTS:
            if is_opened:
                stack.enter_context(opened(url))
            pasted: str = click.prompt("Paste the address that the browser was sent to, or the code alone", type=str)
            return pasted
        listener = stack.enter_context(RedirectListener(integration.redirect_uri, state))
        click.echo(f"Waiting at {integration.redirect_uri} for the browser to come back; Ctrl-C stops.")
        if is_opened:
            stack.enter_context(opened(url))
        address = listener.wait(BROWSER_TIMEOUT_SECONDS)
    if address is None:
        raise MustAuthorize("Nobody came back with a code.")
    return address


@contextmanager
def opened(url: str) -> Iterator[None]:
    """Open an address in the browser by a file that leads there and that the end of the context deletes.

    The address holds the login's state, and other users of the machine can read the arguments of a browser.
    """
    with TemporaryDirectory(prefix="amocrm-warehouse-") as folder:
        page = Path(folder) / "login.html"
        target = escape(url)
        text = f"<!DOCTYPE html><meta charset='utf-8'><meta http-equiv='refresh' content=\"0;url='{target}'\">"
        write_file(page, f'{text}<a href="{target}">Log in to amoCRM</a>'.encode())
        webbrowser.open(page.as_uri())
        yield


def describe_expiry(access: TokenExpiry) -> str:
    """A line for people."""
    if access.failure:
        return f"{access.kind}, no access. {access.failure.message} {access.advice}"
    if access.expires_at is None:
        return f"{access.kind}, which does not say when it ends."
    if access.expires_at <= SYSTEM_CLOCK.now():
        return f"{access.kind}, ended on {access.expires_at:%Y-%m-%d}. {access.advice}"
    return (
        f"{access.kind}, good until {access.expires_at:%Y-%m-%d}{', and renewed before' * access.renews_automatically}."
    )


def status_to_json(found: AccessStatus) -> dict[str, Any]:
    """The same for scripts."""
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
    """Say of every error which account it is about."""
    try:
        yield
    except WarehouseError as error:
        error.account = error.account or account.key
        raise
