"""``./run`` as a newcomer meets it: a list of commands that is complete, and a word about those that do not exist."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from commands.cli import COMMANDS

PROJECT = Path(__file__).parents[2]
OURS = {"setup", "test", "check", "format", "lock", "bench", "faults", "mutate", "fuzz", "audit", "licences", "help"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROJECT / "run", *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_alone_it_lists_every_command_with_what_it_is_for() -> None:
    answer = run()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "\nThe product\n" in answer.stdout
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", answer.stdout, re.MULTILINE))
    assert set(listed) == OURS.union(*COMMANDS.values())
    assert run("help").stdout == run("--help").stdout == answer.stdout


def test_an_unknown_command_is_said() -> None:
    answer = run("dmeo")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "no command 'dmeo'" in answer.stderr


def test_both_scripts_can_be_run() -> None:
    for script in (PROJECT / "run", PROJECT / ".ci" / "run"):
        assert os.access(script, os.X_OK)
        subprocess.run(["/bin/bash", "-n", script], check=True)
