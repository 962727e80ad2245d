"""Plays one case within its time, and says what it came to."""

from __future__ import annotations

import threading
import time
import traceback

from faults.case import WORST_LAST, Case, Result, Trial, Verdict
from faults.harness import Harness


def play(case: Case, harness: Harness) -> Result:
    """Play one case in a thread that is left behind when its time is up."""
    harness.turn_to(case.name)
    trials: list[Trial] = []
    broken: list[str] = []

    def try_all() -> None:
        try:
            trials.extend(case.play(harness))
        except Exception as error:  # noqa: BLE001 - a case that breaks is not held, and the next one is played
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
