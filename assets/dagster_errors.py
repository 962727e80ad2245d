"""Conversion of errors to ``dg.Failure``: message, advice, and whether Dagster may retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from pipelines.base.errors import ApiError, WarehouseError
from pipelines.base.file_error import as_known_error
from pipelines.load.result import TRANSIENT_ERRORS

RETRY_POLICY: Final = dg.RetryPolicy(
    max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""Retries of a step. The HTTP client has already retried several times before a step fails."""

ADVICE_KEY: Final = "what_to_do"
ERROR_KEY: Final = "error"

UNKNOWN_ADVICE: Final = "This is a bug: report it with the run's traceback."


@contextmanager
def errors_shown() -> Iterator[None]:
    """Convert every error to ``dg.Failure`` with its attributes as metadata."""
    try:
        yield
    except dg.Failure:
        raise
    except Exception as error:
        known = as_known_error(error)
        if isinstance(known, WarehouseError):
            # Not chained, so that no library's text, which may hold a secret, reaches the event log.
            raise dg.Failure(
                known.message, error_metadata(known), allow_retries=isinstance(known, TRANSIENT_ERRORS)
            ) from None
        error_name = type(error).__name__
        raise dg.Failure(
            f"Unexpected error: {error_name}.",
            {ERROR_KEY: error_name, ADVICE_KEY: UNKNOWN_ADVICE},
            allow_retries=False,
        ) from error


def error_metadata(error: WarehouseError) -> dict[str, str | int]:
    """Return the error's attributes other than its message, without those that are None."""
    metadata: dict[str, str | int | None] = {
        ERROR_KEY: type(error).__name__,
        ADVICE_KEY: error.advice,
        "account": error.account,
        "exit_code": error.exit_code,
    }
    if isinstance(error, ApiError):
        metadata |= {"request": error.request, "status": error.status, "x_request_id": error.request_id}
    return {name: value for name, value in metadata.items() if value is not None}
