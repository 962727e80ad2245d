"""Result of one check of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipelines.base.errors import DatabaseUnavailable, SettingsError, WarehouseError
from pipelines.base.language import lazy_gettext
from pipelines.base.program import with_program_name

Status: TypeAlias = Literal["ok", "warning", "failed"]

DOCTOR_ADVICE: Final = {
    SettingsError.default_advice: lazy_gettext("Correct it in .env or accounts.toml."),
    DatabaseUnavailable.default_advice: lazy_gettext("Check DATABASE_URL and that the server runs."),
}
"""Replacements for advice to run ``doctor``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Result of one check."""

    subject: str  # such as 'database', or 'account main: token'
    status: Status
    finding: str  # a sentence
    advice: str = ""  # what to do about a problem
    exit_code: int = 0  # of the error with which a load would fail, if the check failed
    account: str | None = None  # key of the account, for checks of an account
    error: str = ""  # name of the error with which a load would fail, if the check failed


def ok(subject: str, finding: str) -> Check:
    """Return a check that passed."""
    return Check(subject=subject, status="ok", finding=finding)


def warning(subject: str, finding: str, advice: str) -> Check:
    """Return a check with a problem that does not stop loads."""
    return Check(subject=subject, status="warning", finding=finding, advice=advice)


def failed(subject: str, error: WarehouseError) -> Check:
    """Return a check with an error that would stop a load. Errors are English unless the check itself writes them."""
    advice = {with_program_name(default): advice_here for default, advice_here in DOCTOR_ADVICE.items()}.get(
        error.advice, error.advice
    )
    return Check(
        subject=subject,
        status="failed",
        finding=error.message,
        advice=advice,
        exit_code=error.exit_code,
        error=type(error).__name__,
    )
