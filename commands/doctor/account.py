"""Checks of an account: token, host, clock, mode, rights, identity."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok, warning
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.models import Account
from pipelines.amocrm.snapshot import LISTS_BY_MODE
from pipelines.base.clock import Clock, parse_http_date
from pipelines.base.errors import ApiError, DatabaseError, SettingsError, Unauthorized, WrongAccount
from pipelines.base.language import lazy_gettext, lazy_ngettext, ngettext_noop
from pipelines.base.text import format_duration
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.access import TokenExpiry, endpoint_for, token_expiry
from pipelines.load.expiry_text import describe_expiry, ends_soon
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import account_taken_error
from pipelines.warehouse.state import account_id_for_key, key_for_account_id
from pipelines.warehouse.wide_views import find_outdated_view

QUICK_LIMITS = Limits(transient_retries=1, rate_limit_retries=0, load_seconds=60.0)
"""Limits with few retries, so that a check ends sooner than a load."""

CLOCK_TOLERANCE = timedelta(seconds=60)

LIST_COUNTS = {
    "segments": ngettext_noop("%(count)s segment", "%(count)s segments"),
    "stages": ngettext_noop("%(count)s stage", "%(count)s stages"),
    "fields": ngettext_noop("%(count)s field", "%(count)s fields"),
}


def check_account(
    account: AccountSettings, settings: Settings, engine: Engine | None, clock: Clock
) -> Generator[Check, None, None]:
    """Yield every check of one account; ``engine`` is None if the warehouse cannot be reached."""
    key = account.key
    try:
        endpoint, expiry = endpoint_for(account, settings, clock), token_expiry(account, settings)
    except SettingsError as error:
        yield failed(lazy_gettext("account '%(key)s': token", key=key), error)
        return
    yield check_token(lazy_gettext("account '%(key)s': token", key=key), expiry, clock.now())
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
            yield failed(lazy_gettext("account '%(key)s': access", key=key), error)
        if client.host_date:
            yield check_clock(lazy_gettext("account '%(key)s': clock", key=key), client.host_date, clock.now())
        if found is not None:
            yield check_host(lazy_gettext("account '%(key)s': access", key=key), account, client, found)
            yield check_mode(lazy_gettext("account '%(key)s': mode", key=key), found)
            yield from check_rights(lazy_gettext("account '%(key)s': rights", key=key), client, found)
            yield from check_identity(
                lazy_gettext("account '%(key)s': identity", key=key), account.key, found, settings, engine
            )


def check_token(subject: str, expiry: TokenExpiry, now: datetime) -> Check:
    """Check that the token is valid for long enough, by its own claims."""
    finding = describe_expiry(expiry, now)
    if expiry.failure:
        return failed(subject, expiry.failure)
    if expiry.expires_at is None:
        return warning(
            subject,
            finding,
            lazy_gettext(
                "Make sure that the token is complete and long-lived; a short-lived OAuth token expires after a day."
            ),
        )
    if expiry.expires_at <= now:
        return failed(subject, Unauthorized(finding, advice=expiry.advice))
    return warning(subject, finding, expiry.advice) if ends_soon(expiry, now) else ok(subject, finding)


def check_host(subject: str, account: AccountSettings, client: AmoClient, found: Account) -> Check:
    """Check that the account still has the host of the settings."""
    host = client.base_url.partition("://")[2]
    name = found.name or lazy_gettext("an account")
    if client.base_url == account.base_url:
        return ok(subject, lazy_gettext("%(host)s serves %(name)s, id %(id)s.", host=host, name=name, id=str(found.id)))
    return warning(
        subject,
        lazy_gettext(
            "%(host)s serves %(name)s, id %(id)s. Its host was %(old_host)s before.",
            host=host,
            name=name,
            id=str(found.id),
            old_host=account.host,
        ),
        lazy_gettext("Set the host to %(host)s.", host=host),
    )


def check_clock(subject: str, date: str, now: datetime) -> Check:
    """Check that this machine's clock, which snapshots are stamped with, agrees with amoCRM's."""
    shown_at = parse_http_date(date)
    if shown_at is None:
        return ok(subject, lazy_gettext("amoCRM's response has no time to compare with."))
    offset = now - shown_at
    if abs(offset) <= CLOCK_TOLERANCE:
        return ok(subject, lazy_gettext("This machine's clock agrees with amoCRM's."))
    duration = partial(format_duration, abs(offset).total_seconds())
    if offset > timedelta():
        finding = lazy_gettext("This machine's clock is %(duration)s ahead of amoCRM's.", duration=duration)
    else:
        finding = lazy_gettext("This machine's clock is %(duration)s behind amoCRM's.", duration=duration)
    return warning(
        subject,
        finding,
        lazy_gettext(
            "Synchronize the machine's clock (NTP): snapshots have its time, and an older snapshot is never published."
        ),
    )


def check_mode(subject: str, account: Account) -> Check:
    """Check that the account's mode has something to load."""
    match account.mode:
        case "segments":
            return ok(subject, lazy_gettext("Dynamic segmentation: segments with their fields and sizes are loaded."))
        case "periodicity":
            return ok(subject, lazy_gettext("Recurring purchases: stages and their rules are loaded."))
        case "disabled":
            finding = lazy_gettext("Customers are disabled in the account. A load records this mode and nothing else.")
            advice = lazy_gettext("Enable them in amoCRM's settings.")
        case "unavailable":
            finding = lazy_gettext("The account's plan has no customers. A load records this mode and nothing else.")
            advice = lazy_gettext("Use a plan of amoCRM that includes customers.")
    return warning(subject, finding, advice)


def check_rights(subject: str, client: AmoClient, account: Account) -> Iterator[Check]:
    """Check that the token's user may read the lists that a load fetches."""
    lists = LISTS_BY_MODE[account.mode]
    try:
        counts = [lazy_ngettext(*LIST_COUNTS[resource], len(client.fetch_list(resource).rows)) for resource in lists]
    except ApiError as error:
        yield failed(subject, error)
        return
    if counts:
        listed = counts[0]
        for other in counts[1:]:
            listed = lazy_gettext("%(first)s and %(second)s", first=listed, second=other)
        yield ok(subject, lazy_gettext("The token may read %(lists)s.", lists=listed))


def check_identity(
    subject: str, key: str, account: Account, settings: Settings, engine: Engine | None
) -> Iterator[Check]:
    """Check that the history under the key, if there is one, belongs to this account."""
    if engine is None:
        return
    try:
        with transaction(engine, account=key) as connection:
            bound_id, other = account_id_for_key(connection, key), key_for_account_id(connection, account.id)
        view = None if bound_id is None else find_outdated_view(engine, bound_id, account=key)
    except DatabaseError:
        return  # the database checks report it
    if view:
        yield warning(lazy_gettext("account '%(key)s': wide view", key=key), view.finding, view.advice)
    if other not in (None, key) and settings.has_key(other):
        yield failed(subject, account_taken_error(account, other, key=key))
    elif bound_id is None:
        yield ok(subject, lazy_gettext("No history yet: the first load binds the key to this account."))
    elif bound_id == account.id:
        yield ok(subject, lazy_gettext("The history under this key belongs to this account."))
    else:
        yield failed(
            subject,
            WrongAccount(
                lazy_gettext(
                    "The history under this key belongs to account %(stored_id)s, but the token to account %(id)s.",
                    stored_id=str(bound_id),
                    id=str(account.id),
                )
            ),
        )
