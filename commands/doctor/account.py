"""Whether an account can be loaded: token, host, clock, mode, rights, and that its history is its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok, warning
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.models import Account
from pipelines.amocrm.snapshot import LISTS_BY_MODE
from pipelines.base.clock import Clock
from pipelines.base.errors import ApiError, DatabaseError, SettingsError, Unauthorized, WrongAccount
from pipelines.base.text import format_duration
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.connection import EXPIRY_WARNING_PERIOD, TokenExpiry, endpoint_for, token_expiry
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import account_taken_error
from pipelines.warehouse.state import account_id_for_key, key_for_account_id

QUICK_LIMITS = Limits(transient_retries=1, rate_limit_retries=0, load_seconds=60.0)
"""Whoever waits for a check wants to know soon; a load is more patient."""

CLOCK_TOLERANCE = timedelta(seconds=60)


def check_account(
    account: AccountSettings, settings: Settings, engine: Engine | None, clock: Clock
) -> Generator[Check, None, None]:
    """Every check of one account; ``engine`` is the warehouse, where that can be reached."""
    subject = f"account '{account.key}'"
    try:
        endpoint, expiry = endpoint_for(account, settings, clock), token_expiry(account, settings)
    except SettingsError as error:
        yield failed(f"{subject}: token", error)
        return
    yield check_token(f"{subject}: token", expiry, clock.now())
    if expiry.failure:
        return
    limits = limits_for(settings, endpoint.base_url, QUICK_LIMITS)
    with AmoClient(
        endpoint.base_url,
        endpoint.token,
        account_key=account.key,
        limits=limits,
        rate_limiters=rate_limiters_for(settings),
    ) as client:
        found = None
        try:
            found = client.fetch_account()
        except (ApiError, SettingsError) as error:
            yield failed(f"{subject}: access", error)
        if client.host_date:
            yield check_clock(f"{subject}: clock", client.host_date, clock.now())
        if found is not None:
            yield check_host(f"{subject}: access", account, client, found)
            yield check_mode(f"{subject}: mode", found)
            yield from check_rights(f"{subject}: rights", client, found)
            yield from check_identity(f"{subject}: identity", account.key, found, settings, engine)


def check_token(subject: str, expiry: TokenExpiry, now: datetime) -> Check:
    """Whether the token is good for long enough, by what it says of itself."""
    expires_at = expiry.expires_at
    if expiry.failure:
        return failed(subject, expiry.failure)
    if expires_at is None:
        return warning(
            subject,
            "It does not say when it ends, as long-lived tokens of amoCRM do.",
            "Make sure that it is the whole token; a short-lived one of OAuth ends after a day.",
        )
    if expires_at <= now:
        return failed(subject, Unauthorized(f"It ended on {expires_at:%Y-%m-%d %H:%M} UTC.", advice=expiry.advice))
    if expires_at - now < EXPIRY_WARNING_PERIOD:
        return warning(subject, f"It ends soon, on {expires_at:%Y-%m-%d %H:%M} UTC.", expiry.advice)
    return ok(
        subject,
        f"{expiry.kind}, good until {expires_at:%Y-%m-%d}{', and renewed before' * expiry.renews_automatically}.",
    )


def check_host(subject: str, account: AccountSettings, client: AmoClient, found: Account) -> Check:
    """Who answers, and whether it still does under the host of the settings."""
    host = client.base_url.partition("://")[2]
    finding = f"{host} answers for {found.name or 'an account'}, id {found.id}."
    if client.base_url == account.base_url:
        return ok(subject, finding)
    return warning(subject, f"{finding} It was {account.host} before.", f"Write {host} into the settings.")


def check_clock(subject: str, date: str, now: datetime) -> Check:
    """Whether this machine and amoCRM agree on the time: snapshots bear the machine's."""
    try:
        offset = now - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return ok(subject, "amoCRM does not say what time it is there.")
    if abs(offset) <= CLOCK_TOLERANCE:
        return ok(subject, "This machine and amoCRM agree on the time.")
    where = "ahead of" if offset > timedelta() else "behind"
    return warning(
        subject,
        f"This machine is {format_duration(abs(offset).total_seconds())} {where} amoCRM.",
        "Let the machine set its clock by the network: snapshots bear its time, and an older one is never published.",
    )


def check_mode(subject: str, account: Account) -> Check:
    """Whether there is anything to load."""
    match account.mode:
        case "segments":
            return ok(subject, "Dynamic segmentation: segments, their fields and sizes are loaded.")
        case "periodicity":
            return ok(subject, "Recurring purchases: stages and their rules are loaded.")
        case "disabled":
            finding, advice = "Customers are switched off.", "Switch them on in amoCRM's settings."
        case "unavailable":
            finding, advice = "The account's plan has no customers.", "Take a plan in amoCRM that includes customers."
    return warning(subject, f"{finding} A load notes that, and finds nothing else.", advice)


def check_rights(subject: str, client: AmoClient, account: Account) -> Iterator[Check]:
    """Whether the token's user may read the lists that a load reads."""
    lists = LISTS_BY_MODE[account.mode]
    try:
        counts = [f"{len(client.fetch_list(resource).rows)} {resource}" for resource in lists]
    except ApiError as error:
        yield failed(subject, error)
        return
    if counts:
        yield ok(subject, f"The token may read {' and '.join(counts)}.")


def check_identity(
    subject: str, key: str, account: Account, settings: Settings, engine: Engine | None
) -> Iterator[Check]:
    """Whether the account is the one that the key's history belongs to, where there is a history."""
    if engine is None:
        return
    try:
        with transaction(engine, account=key) as connection:
            bound_id, other = account_id_for_key(connection, key), key_for_account_id(connection, account.id)
    except DatabaseError:
        return  # the checks of the database tell of it
    if other not in (None, key) and settings.has_key(other):
        yield failed(subject, account_taken_error(account, other, key=key))
    elif bound_id is None:
        yield ok(subject, "No history yet: the first load binds the key to this account.")
    elif bound_id == account.id:
        yield ok(subject, "The history under this key is this account's.")
    else:
        yield failed(
            subject,
            WrongAccount(
                f"The history under this key is account {bound_id}'s, and the token is account {account.id}'s."
            ),
        )
