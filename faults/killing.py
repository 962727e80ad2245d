"""Processes that are killed (SIGKILL) at their n-th step."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

PROCESSES: Final = multiprocessing.get_context("forkserver")
PRELOADED: Final = ("faults.cases", "pandas")
PROCESSES.set_forkserver_preload(list(PRELOADED))  # or each process would import all of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """A function before and after which a process can be killed, by its holder and name."""

    holder: Any
    name: str
    is_after: bool = True  # count a step after it too


def make_mortal(deeds: Iterable[Deed], *, death: int, passed: Any) -> None:
    """Kill this process at its ``death``-th step: before each function, and after it if ``is_after``.

    ``passed`` is a shared counter of the steps.
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
    """Run ``work(*arguments, death, passed)`` in a process; return if it was killed, and its steps."""
    passed = PROCESSES.Value("i", 0)
    worker = PROCESSES.Process(target=work, args=(*arguments, death, passed))
    worker.start()
    worker.join()
    if worker.exitcode not in (0, 1, -signal.SIGKILL):
        raise RuntimeError(f"the process ended with {worker.exitcode}")
    return worker.exitcode == -signal.SIGKILL, passed.value
