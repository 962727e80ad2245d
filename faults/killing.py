"""Processes of ours that are killed (SIGKILL) at a moment of their own doing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

PROCESSES: Final = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["faults.cases", "pandas"])  # or each process would import all of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """Something that a process does, by the object that holds it and its name there."""

    holder: Any
    name: str
    is_after: bool = True  # whether to have just done it is a moment too


def make_mortal(deeds: Iterable[Deed], *, death: int, passed: Any) -> None:
    """Let this process be killed at its ``death``-th moment: before each deed, and after it where that differs.

    ``passed`` is a shared number that counts the moments.
    """

    def die_if_due() -> None:
        if passed.value == death:
            os.kill(os.getpid(), signal.SIGKILL)
        passed.value += 1

    def mortal(do: Callable[..., Any], *, is_after: bool) -> Callable[..., Any]:
        def done(*args: Any, **kwargs: Any) -> Any:
            die_if_due()
            result = do(*args, **kwargs)
            if is_after:
                die_if_due()
            return result

        return done

    for deed in deeds:
        setattr(deed.holder, deed.name, mortal(getattr(deed.holder, deed.name), is_after=deed.is_after))


def killed(work: Callable[..., object], *arguments: Any, death: int = -1) -> tuple[bool, int]:
    """Do ``work(*arguments, death, passed)`` in a process; whether it was killed, and how many moments it saw."""
    passed = PROCESSES.Value("i", 0)
    worker = PROCESSES.Process(target=work, args=(*arguments, death, passed))
    worker.start()
    worker.join()
    if worker.exitcode not in (0, 1, -signal.SIGKILL):
        raise RuntimeError(f"the process ended with {worker.exitcode}")
    return worker.exitcode == -signal.SIGKILL, passed.value
