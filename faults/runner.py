"""Play cases one after another or in several processes, and collect their results."""

from __future__ import annotations

import multiprocessing
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Final, cast

from sqlalchemy import URL

from faults.case import WORST_LAST, Case, Result, Trial, Verdict
from faults.harness import Harness, open_harness
from faults.scorecard import Scorecard

FORK: Final = multiprocessing.get_context("fork")
"""Cases hold functions that cannot be pickled, so processes are forked."""


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
    """Play the cases on their own harness and return the scorecard.

    ``is_quick`` tries less in each case, chosen by ``seed``; it leaves out no case. ``stop_at_first`` ends at the first
    failed case. A case that cannot be played on this machine is left out, and named. ``jobs`` is how many
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


def play(case: Case, harness: Harness) -> Result:
    """Play one case in a thread that is abandoned when its time is up."""
    harness.turn_to(case.name)
    trials: list[Trial] = []
    broken: list[str] = []

    def try_all() -> None:
        try:
            trials.extend(case.play(harness))
        except Exception as error:  # noqa: BLE001 - a broken case fails, and the next one is played
            at = traceback.extract_tb(error.__traceback__)[-1]
            broken.append(f"the case itself failed at {at.name}:{at.lineno}: {type(error).__name__}: {error}")

    began = time.monotonic()
    player = threading.Thread(target=try_all, name=case.name, daemon=True)
    player.start()
    player.join(case.seconds)
    seconds = time.monotonic() - began
    if player.is_alive():
        harness.poller.watch(None)
        verdict, why = Verdict.HANG, f"no end within {case.seconds:.0f} seconds"
    elif broken or not trials:
        verdict, why = Verdict.DAMAGED, (broken or ["nothing was tried"])[0]
    else:
        worst = max(trials, key=lambda trial: WORST_LAST.index(trial.verdict))
        verdict, why = worst.verdict, worst.why
    looks, torn = harness.poller.take()
    if torn:
        why = f"{torn} torn reads. {why}"
    return Result(case=case, verdict=verdict, why=why, seconds=seconds, trials=tuple(trials), looks=looks, torn=torn)


def play_in_processes(
    cases: Sequence[Case], open_one: Callable[[], AbstractContextManager[Harness]], *, jobs: int
) -> Generator[Result, None, None]:
    """Play the cases, longest first, and yield each result as it comes.

    Raises ``RuntimeError`` if no process is left.
    """
    left = deque(sorted(range(len(cases)), key=lambda number: -cases[number].seconds))
    at: dict[Connection, Case] = {}  # which case the process at the end of a pipe plays
    try:
        for _ in range(min(jobs, len(cases))):
            ours, theirs = FORK.Pipe()
            FORK.Process(target=_work, args=(theirs, cases, open_one, [*at, ours])).start()
            theirs.close()
            at[ours] = _give(ours, cases, left)
        while at:
            for ready in wait(list(at)):
                ours = cast("Connection", ready)
                case = at.pop(ours)
                try:
                    yield Result(case=case, **ours.recv())
                except EOFError:
                    why = "the process that played it ended"
                    yield Result(case=case, verdict=Verdict.DAMAGED, why=why, seconds=0.0, trials=())
                    continue
                if left:
                    at[ours] = _give(ours, cases, left)
                else:
                    ours.close()
    finally:
        for one in at:
            one.close()
    if left:
        raise RuntimeError(f"{len(left)} cases are left, and no process to play them")


def _give(ours: Connection, cases: Sequence[Case], left: deque[int]) -> Case:
    ours.send(left[0])
    return cases[left.popleft()]


def _work(
    theirs: Connection,
    cases: Sequence[Case],
    open_one: Callable[[], AbstractContextManager[Harness]],
    others: Sequence[Connection],
) -> None:
    """Play requested cases until the pipe closes."""
    for one in others:  # or a pipe would stay open after whoever asks has closed it
        one.close()
    with open_one() as harness, suppress(EOFError):
        while True:
            result = play(cases[theirs.recv()], harness)
            told = {one.name: getattr(result, one.name) for one in fields(result) if one.name != "case"}
            theirs.send(told)
