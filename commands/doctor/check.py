"""What one check of ``doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipelines.base.errors import DatabaseUnavailable, SettingsError, WarehouseError
from pipelines.base.program import with_program_name

Status: TypeAlias = Literal["ok", "warning", "failed"]

DOCTOR_ADVICE: Final = {
    SettingsError.default_advice: "Correct it in .env or accounts.toml.",
    DatabaseUnavailable.default_advice: "Check DATABASE_URL and that the server runs.",
}
"""Advice that sends people to ``doctor``, as ``doctor`` itself gives it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at."""

    subject: str  # such as 'database', or 'account main: token'
    status: Status
    finding: str  # what is the case, as a sentence
    advice: str = ""  # what to do about it, where something is to be done
    exit_code: int = 0  # of the error that a load would end with, where the check failed
    account: str | None = None  # key of the account that it is about, if it is about one


def ok(subject: str, finding: str) -> Check:
    """All is well."""
    return Check(subject=subject, status="ok", finding=finding)


def warning(subject: str, finding: str, advice: str) -> Check:
    """A load works, and yet something should be done."""
    return Check(subject=subject, status="warning", finding=finding, advice=advice)


def failed(subject: str, error: WarehouseError) -> Check:
    """A load would end with this error."""
    advice = {with_program_name(default): advice_here for default, advice_here in DOCTOR_ADVICE.items()}.get(
        error.advice, error.advice
    )
    return Check(subject=subject, status="failed", finding=error.message, advice=advice, exit_code=error.exit_code)
