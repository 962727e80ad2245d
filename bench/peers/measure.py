"""Measure one command: seconds, processor time, and the memory of all its processes.

Processor time is the tool's and the database server's: it says who works more even where the machine is busy elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOK_AGAIN_SECONDS: Final = 0.05


class Failed(Exception):
    """The command failed. The text ends with its last output."""


class TooLong(Failed):
    """The command exceeded its time limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Cost of a command with its children."""

    seconds: float
    cpu_seconds: float  # of a processor, the server's included
    megabytes: float  # the most that all its processes had resident at one moment; pages they share count each


def measure(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limit: float, server_pid: int
) -> Cost:
    """Run a command to its end. Raises ``Failed``, or ``TooLong`` after ``limit`` seconds."""
    with tempfile.TemporaryFile() as said:
        before, began = _cpu_seconds(server_pid), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        with _Watch(process.pid, limit) as watch:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            if watch.has_ended_it:
                raise TooLong(f"was not done after {limit:.0f} s")
            said.seek(max(0, said.tell() - 3000))
            last = said.read().decode(errors="replace")
            raise Failed(f"failed ({process.returncode}): {last}")
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime + _cpu_seconds(server_pid) - before,
        megabytes=watch.peak_bytes / 2**20,
    )


class _Watch:
    """Watch the processes of a session, and end them after their time limit."""

    def __init__(self, pid: int, limit: float) -> None:
        self.peak_bytes = 0
        self.has_ended_it = False
        self._pid = pid
        self._ends = time.monotonic() + limit
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_AGAIN_SECONDS):
            seen = [_resident_bytes(pid) for pid in _descendants(self._pid)]
            together, peaks = sum(now for now, _ in seen), [peak for _, peak in seen]
            self.peak_bytes = max(self.peak_bytes, together, *peaks)
            if time.monotonic() > self._ends and not self.has_ended_it:
                self.has_ended_it = True
                with suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and its descendants, ended ones included."""
    ticks = 0
    for one in _descendants(pid):
        with suppress(OSError):
            # After the name in brackets: own time of user and system, then that of children waited for.
            ticks += sum(
                map(int, Path(f"/proc/{one}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:15])
            )
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> tuple[int, int]:
    """Current and maximum resident memory of a process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0, 0
    kilobytes = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(kilobytes.get("VmRSS", 0)) * 1024, int(kilobytes.get("VmHWM", 0)) * 1024
