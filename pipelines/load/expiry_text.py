"""Description of how long the access to an account lasts, for commands and checks alike."""

from __future__ import annotations

from datetime import datetime

from pipelines.base.language import lazy_gettext
from pipelines.load.access import EXPIRY_WARNING_PERIOD, TokenExpiry


def describe_expiry(expiry: TokenExpiry, now: datetime) -> str:
    """Return a sentence: when the access ends or ended, or why there is none."""
    if expiry.failure:
        return expiry.failure.message
    kind = lazy_gettext("OAuth access") if expiry.kind == "OAuth" else lazy_gettext("long-lived token")
    if expiry.expires_at is None:
        return lazy_gettext("The %(kind)s does not say when it expires.", kind=kind)
    if expiry.expires_at <= now:
        time = f"{expiry.expires_at:%Y-%m-%d %H:%M} UTC"
        return lazy_gettext("The %(kind)s expired on %(time)s.", kind=kind, time=time)
    day = f"{expiry.expires_at:%Y-%m-%d}"
    if expiry.renews_automatically:
        return lazy_gettext("The %(kind)s is valid until %(day)s, and loads renew it before.", kind=kind, day=day)
    return lazy_gettext("The %(kind)s is valid until %(day)s.", kind=kind, day=day)


def ends_soon(expiry: TokenExpiry, now: datetime) -> bool:
    """Return True if the access ends within ``EXPIRY_WARNING_PERIOD``, or has ended."""
    return expiry.expires_at is not None and expiry.expires_at - now < EXPIRY_WARNING_PERIOD
