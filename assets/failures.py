"""Errors of ``pipelines`` as Dagster shows them: what happened, what to do next, and whether trying again may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from pipelines.errors import ApiError, WarehouseError
from pipelines.outcome import PASSING

RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""After a minute, and after two more. The client itself has tried several times before a step fails."""

ADVICE: Final = "what_to_do"
ERROR: Final = "error"


UNKNOWN_ADVICE: Final = "This is a mistake in the program: report it, with the traceback of the run."


@contextmanager
def told_to_dagster() -> Iterator[None]:
    """Turn every error into ``dg.Failure``, with its facts as metadata."""
    try:
        yield
    except dg.Failure:
        raise
    except WarehouseError as error:
        # Not chained: the message says it all, and whatever a library says of its own does not reach the event log.
        raise dg.Failure(error.message, facts(error), allow_retries=isinstance(error, PASSING)) from None
    except Exception as error:
        kind = type(error).__name__
        raise dg.Failure(
            f"An error that this program does not know: {kind}.",
            {ERROR: kind, ADVICE: UNKNOWN_ADVICE},
            allow_retries=False,
        ) from error


def facts(error: WarehouseError) -> dict[str, str | int]:
    """What is known of the error beside its message."""
    known: dict[str, str | int | None] = {
        ERROR: type(error).__name__,
        ADVICE: error.advice,
        "account": error.account,
        "exit_code": error.exit_code,
    }
    if isinstance(error, ApiError):
        known |= {"request": error.request, "status": error.status, "x_request_id": error.request_id}
    return {name: fact for name, fact in known.items() if fact is not None}
