"""Choice between one process and several to load a fleet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from sqlalchemy import Engine

from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.fleet import load_fleet
from pipelines.load.result import LoadResult

MIN_ACCOUNTS_PER_WORKER: Final = 10
"""With fewer accounts, a second process costs more than it saves."""


@contextmanager
def open_fleet(
    engine: Engine,
    accounts: Sequence[AnyAccount],
    settings: Settings,
    *,
    on_error: Callable[[Exception], object] = lambda _: None,
) -> Iterator[Iterator[LoadResult]]:
    """Load the accounts as ``load_fleet`` does, in several processes if that pays; yield an iterator of the results.

    When the context ends, loads that have begun to publish finish, and the others store nothing.
    Call it before any thread is started.
    """
    workers = min(settings.workers, _count_cores(), len(accounts) // MIN_ACCOUNTS_PER_WORKER)
    if workers > 1:
        from pipelines.load.worker_processes import worker_fleet  # noqa: PLC0415 - a single load needs none

        with worker_fleet(engine, accounts, settings, workers=workers, on_error=on_error) as results:
            yield results
    else:
        with closing(load_fleet(engine, accounts, settings, threads=settings.threads, on_error=on_error)) as results:
            yield results


def _count_cores() -> int:
    """Count the cores of this process; one if the system's libraries do not survive a fork, as on macOS."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
