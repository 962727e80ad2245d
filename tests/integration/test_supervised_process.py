"""A supervised program ends with its owner, and so do its children."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from commands.supervised_process import supervised, wait_until_ready
from pipelines.base.errors import WarehouseError
from tests.command_line import build_environment


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_nothing_that_the_program_started_is_left(tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.supervised_process.GRACE_SECONDS", 0.5)
    script = f"({trap}echo $(exec sh -c 'echo $PPID') >child; sleep 300 & wait; sleep 300) & exec sleep 300"
    with supervised(
        ["/bin/sh", "-c", script], log=tmp_path / "log", folder=tmp_path, environment=build_environment()
    ) as program:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.01)
        child = int((tmp_path / "child").read_text())
        assert os.getpgid(child) == program.pid
    assert program.returncode is not None
    assert not is_running(child)


def is_running(pid: int) -> bool:
    """Whether the process is there, and not only waiting for somebody to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_that_starts_slowly_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("commands.supervised_process.PROGRESS_INTERVAL_SECONDS", 0.0)
    log, environment = tmp_path / "log", build_environment()
    with (
        supervised(["/bin/sh", "-c", "sleep 1"], log=log, folder=tmp_path, environment=environment) as program,
        pytest.raises(WarehouseError, match="Dagster did not start"),
    ):
        wait_until_ready(program, 1, name="Dagster", log=log)
    assert "Dagster is starting, 0 s …\n" in capsys.readouterr().err
