"""The program as a process with its own environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 180
INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "AMOCRM_PG_BIN")


def build_environment(**more: str) -> dict[str, str]:
    """Environment without the tester's settings, plus ``more``."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | more


def command_line(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "commands", *arguments]


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``."""
    return subprocess.run(
        command_line(*arguments),
        cwd=folder,
        env=build_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def running_processes(folder: Path) -> list[str]:
    """Command lines of running processes that name the folder."""
    process_list = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in process_list.splitlines() if str(folder) in line]
