"""The program as a process of its own, with an environment of its own: what a user's shell and cron start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_SECONDS = 180
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "AMOCRM_PG_BIN")


def environment(**more: str) -> dict[str, str]:
    """Nothing of the tester's own settings, and ``more``."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | more


def command(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "commands", *arguments]


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, in ``folder``."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def left_running(folder: Path) -> list[str]:
    """The processes that have to do with the folder, by their command lines."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]
