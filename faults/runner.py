"""Plays cases, here or in several processes, and says what they came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import URL

from faults.case import Case, Result
from faults.harness import Harness, open_harness
from faults.playing import play
from faults.scorecard import Scorecard
from faults.worker_pool import play_in_processes


def run(
    cases: Iterable[Case],
    *,
    seed: int = 0,
    is_quick: bool = False,
    stop_at_first: bool = False,
    jobs: int = 1,
    server: URL | None = None,
    template: str | None = None,
    report: Callable[[Result], object] = lambda _: None,
) -> Scorecard:
    """Play the cases on a harness of their own and give the scorecard.

    ``is_quick`` tries less in each case, chosen by ``seed``; it leaves out no case. ``stop_at_first`` ends at the first
    case that is not held. A case that cannot be played on this machine is left out, and named. ``jobs`` is how many
    processes play, each on its own harness. ``server`` is a Postgres where databases can be made; without it one is
    started. ``template`` is the name of a migrated database there. ``report`` is told of each case as it ends.
    """
    began, began_at = time.monotonic(), datetime.now(UTC)
    listed, played = list(cases), list[Result]()
    chosen = [case for case in listed if not case.missing]
    open_one = partial(open_harness, seed=seed, is_quick=is_quick, server=server, template=template)
    with closing(
        play_here(chosen, open_one) if jobs == 1 else play_in_processes(chosen, open_one, jobs=jobs)
    ) as playing:
        for one in playing:
            played.append(one)
            report(one)
            if stop_at_first and not one.is_held:
                break
    place = {case.name: number for number, case in enumerate(chosen)}
    return Scorecard(
        results=tuple(sorted(played, key=lambda one: place[one.case.name])),
        seed=seed,
        began_at=began_at,
        seconds=time.monotonic() - began,
        half="quick" if is_quick else "whole",
        not_played={case.name: case.missing for case in listed if case.missing},
    )


def play_here(
    cases: Iterable[Case], open_one: Callable[[], AbstractContextManager[Harness]]
) -> Generator[Result, None, None]:
    """Play the cases one after another on one harness."""
    with open_one() as harness:
        for case in cases:
            yield play(case, harness)
