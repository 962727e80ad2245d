"""Plays cases one after another, each within its time, and says what they came to."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sqlalchemy import URL

from faults.case import WORST_LAST, Case, Result, Trial, Verdict
from faults.lab import Lab, open_lab
from faults.scorecard import Scorecard


def run(
    cases: Iterable[Case],
    *,
    seed: int = 0,
    is_quick: bool = False,
    stop_at_first: bool = False,
    server: URL | None = None,
    template: str | None = None,
    report: Callable[[Result], object] = lambda _: None,
) -> Scorecard:
    """Play the cases on a lab of their own and give the scorecard.

    ``is_quick`` tries less in each case, chosen by ``seed``; it leaves out no case. ``stop_at_first`` ends at the first
    case that is not held. ``server`` is a Postgres where databases can be made; without it one is started.
    ``template`` is the name of a migrated database there. ``report`` is told of each case as it ends.
    """
    began, began_at = time.monotonic(), datetime.now(UTC)
    results: list[Result] = []
    looks = torn = 0
    with open_lab(seed=seed, is_quick=is_quick, server=server, template=template) as lab:
        for case in cases:
            result = play(case, lab)
            seen = lab.observer.take()
            looks, torn = looks + seen[0], torn + seen[1]
            results.append(result)
            report(result)
            if stop_at_first and (seen[1] or not result.is_held):
                break
    return Scorecard(
        results=tuple(results),
        seed=seed,
        began_at=began_at,
        seconds=time.monotonic() - began,
        looks=looks,
        torn=torn,
        half="quick" if is_quick else "whole",
    )


def play(case: Case, lab: Lab) -> Result:
    """Play one case in a thread that is left behind when its time is up."""
    trials: list[Trial] = []
    broken: list[str] = []

    def try_all() -> None:
        try:
            trials.extend(case.play(lab))
        except Exception as error:  # noqa: BLE001 - a case that breaks is not held, and the next one is played
            at = traceback.extract_tb(error.__traceback__)[-1]
            broken.append(f"the case itself failed at {at.name}:{at.lineno}: {type(error).__name__}: {error}")

    began = time.monotonic()
    player = threading.Thread(target=try_all, name=case.name, daemon=True)
    player.start()
    player.join(case.seconds)
    seconds = time.monotonic() - began
    if player.is_alive():
        lab.observer.watch(None)
        verdict, why = Verdict.HANG, f"no end within {case.seconds:.0f} seconds"
    elif broken or not trials:
        verdict, why = Verdict.DAMAGED, (broken or ["nothing was tried"])[0]
    else:
        worst = max(trials, key=lambda trial: WORST_LAST.index(trial.verdict))
        verdict, why = worst.verdict, worst.why
    return Result(case=case, verdict=verdict, why=why, seconds=seconds, trials=tuple(trials))
