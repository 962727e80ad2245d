"""Dagster's own processes, killed while they load: the daemon, its code server, the run's worker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from faults.case import Case, Trial, Verdict
from faults.harness import Harness


def cases() -> Iterator[Case]:
    """Each process that can be killed."""
    for victim in ("the run's worker", "the daemon and all below it"):
        yield Case(
            group="dagster",
            name=f"dagster: {victim} killed in the middle of a load",
            wrong=f"kill -9 of {victim} while amoCRM is being asked.",
            must="The run is noticed as failed or goes on; the next load is published, once; no secret is kept.",
            play=partial(struck, with_daemon=victim != "the run's worker"),
            allowed=frozenset({Verdict.EXACT}),
            seconds=600,
        )


def struck(harness: Harness, *, with_daemon: bool) -> Iterator[Trial]:
    """A load, one that is killed, and one after it."""
    from faults.dagster_struck import struck as its  # noqa: PLC0415 - nothing else here needs Dagster, slow to import

    return its(harness, with_daemon=with_daemon)
