"""Description of how long the access to an account lasts, for commands and checks alike."""

from __future__ import annotations

from datetime import datetime

from pipelines.load.access import EXPIRY_WARNING_PERIOD, TokenExpiry


def describe_expiry(expiry: TokenExpiry, now: datetime) -> str:
    """Return a sentence: when the access ends or ended, or why there is none."""
    if expiry.failure:
        return expiry.failure.message
    subject = "OAuth access" if expiry.kind == "OAuth" else expiry.kind
    if expiry.expires_at is None:
        return f"The {subject} does not say when it expires."
    if expiry.expires_at <= now:
        return f"The {subject} expired on {expiry.expires_at:%Y-%m-%d %H:%M} UTC."
    renewed = ", and loads renew it before" if expiry.renews_automatically else ""
    return f"The {subject} is valid until {expiry.expires_at:%Y-%m-%d}{renewed}."


def ends_soon(expiry: TokenExpiry, now: datetime) -> bool:
    """Return True if the access ends within ``EXPIRY_WARNING_PERIOD``, or has ended."""
    return expiry.expires_at is not None and expiry.expires_at - now < EXPIRY_WARNING_PERIOD
