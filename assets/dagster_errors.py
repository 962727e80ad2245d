"""Errors of ``pipelines`` as Dagster shows them: what happened, what to do next, and whether trying again may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from pipelines.base.errors import ApiError, WarehouseError
from pipelines.load.result import TRANSIENT_ERRORS

RETRY_POLICY: Final = dg.RetryPolicy(
    max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""After a minute, and after two more. The client itself has tried several times before a step fails."""

ADVICE_KEY: Final = "what_to_do"
ERROR_KEY: Final = "error"


UNKNOWN_ADVICE: Final = "This is a mistake in the program: report it, with the traceback of the run."


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn every error into ``dg.Failure``, with its facts as metadata."""
    try:
        yield
    except dg.Failure:
        raise
    except WarehouseError as error:
        # Not chained: the message says it all, and whatever a library says of its own does not reach the event log.
        raise dg.Failure(
            error.message, error_metadata(error), allow_retries=isinstance(error, TRANSIENT_ERRORS)
        ) from None
    except Exception as error:
        error_name = type(error).__name__
        raise dg.Failure(
            f"An error that this program does not know: {error_name}.",
            {ERROR_KEY: error_name, ADVICE_KEY: UNKNOWN_ADVICE},
            allow_retries=False,
        ) from error


def error_metadata(error: WarehouseError) -> dict[str, str | int]:
    """What is known of the error beside its message."""
    metadata: dict[str, str | int | None] = {
        ERROR_KEY: type(error).__name__,
        ADVICE_KEY: error.advice,
        "account": error.account,
        "exit_code": error.exit_code,
    }
    if isinstance(error, ApiError):
        metadata |= {"request": error.request, "status": error.status, "x_request_id": error.request_id}
    return {name: value for name, value in metadata.items() if value is not None}
