"""Plays cases in several processes, each on a harness of its own, and gathers what they came to."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import fields
from multiprocessing.connection import Connection, wait
from typing import Final, cast

from faults.case import Case, Result, Verdict
from faults.harness import Harness
from faults.playing import play

FORK: Final = multiprocessing.get_context("fork")
"""Cases hold functions that cannot be sent to a process, so that each is forked with all of them."""


def play_in_processes(
    cases: Sequence[Case], open_one: Callable[[], AbstractContextManager[Harness]], *, jobs: int
) -> Generator[Result, None, None]:
    """Play the cases, those first that may take longest, and give each as it ends.

    Raises ``RuntimeError`` where no process is left to play.
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
    """Play what is asked for until nothing more is."""
    for one in others:  # or a pipe would stay open after whoever asks has closed it
        one.close()
    with open_one() as harness, suppress(EOFError):
        while True:
            result = play(cases[theirs.recv()], harness)
            told = {one.name: getattr(result, one.name) for one in fields(result) if one.name != "case"}
            theirs.send(told)
