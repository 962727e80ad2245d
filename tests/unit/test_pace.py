"""One pace for all hosts of a machine, whichever thread or process asks; and what it costs."""

from __future__ import annotations

import fcntl
import json
import math
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.amocrm.limits import Gate, Gates, Limits
from pipelines.amocrm.turns import FURTHEST, SharedTurns
from pipelines.errors import SettingsError
from pipelines.pace import gates_of, limits_of
from pipelines.settings import Settings
from tests.command_line import ROOT, environment

PACED = Limits(requests_per_second_per_address=6)

ASKER = """
import json, sys, time
from pathlib import Path
from pipelines.amocrm.limits import Gates, Limits
gate = Gates(Path(sys.argv[1])).of(sys.argv[2], Limits(requests_per_second_per_address=50))
_, address = gate.in_order()
print("ready", flush=True)
sys.stdin.readline()
sent = []
for _ in range(200):
    now = time.monotonic()
    sent.append(now + address.reserve(now))
print(json.dumps(sent))
"""


def pass_through(gate: Gate, now: float) -> float:
    """When a request that comes at ``now`` is sent."""
    for one in gate.in_order():
        now += one.reserve(now)
    return now


def most_in_a_second(sent: list[float]) -> int:
    return max(sum(start <= moment < start + 0.999 for moment in sent) for start in sent)


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=2), st.integers(0, 1), st.integers(0, 3)), max_size=60))
@example([(0.0, number % 2, number % 4) for number in range(8)])  # of each host as many as it may be asked at once
def test_no_second_sees_more_than_the_address_may_whoever_asks(asked: list[tuple[float, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        processes = [Gates(Path(folder)), Gates(Path(folder))]  # nothing in common but the files
        now, sent = time.monotonic(), [math.inf]
        for pause, process, host in asked:
            now += pause
            sent.append(pass_through(processes[process].of(f"https://host-{host}.amocrm.ru", PACED), now))
    assert most_in_a_second(sent) <= 6


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=2), st.integers(0, 1)), max_size=60))
@example([(0.0, number % 2) for number in range(12)])
def test_no_host_sees_more_than_seven_in_a_second_from_two_processes(asked: list[tuple[float, int]]) -> None:
    with TemporaryDirectory() as folder:
        processes = [Gates(Path(folder)), Gates(Path(folder))]
        now, sent = time.monotonic(), [math.inf]
        for pause, process in asked:
            now += pause
            sent.append(pass_through(processes[process].of("https://one.amocrm.ru", Limits()), now))
    assert most_in_a_second(sent) <= 7


def test_two_real_processes_never_get_the_same_moment(tmp_path: Path) -> None:
    askers = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER, str(tmp_path), f"https://host-{number}.amocrm.ru"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for asker in askers:
        assert asker.stdout
        asker.stdout.readline()
    sent = sorted(moment for asker in askers for moment in json.loads(asker.communicate("go\n")[0]))
    assert len(sent) == 400
    assert min(later - earlier for earlier, later in pairwise(sent)) > 0.0199


def test_nobody_else_changes_the_moment_meanwhile(tmp_path: Path) -> None:
    def change(_: float) -> float:
        with (tmp_path / "turns").open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return 5.0

    SharedTurns(tmp_path / "turns").change(change)


def test_a_fork_has_a_lock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its parent's descriptor it would have its parent's lock too."""
    turns = SharedTurns(tmp_path / "turns")
    turns.change(lambda _: 5.0)
    parents = turns._opened
    with monkeypatch.context() as as_a_fork:
        as_a_fork.setattr("os.getpid", lambda: -1)
        turns.change(lambda _: 6.0)
        assert parents
        assert turns._opened
        assert turns._opened[1] != parents[1]
        del turns
    os.close(parents[1])


def test_a_host_that_asks_to_wait_holds_up_nobody_else() -> None:
    gates, now = Gates(), 1000.0
    held, other = (gates.of(f"https://{name}.amocrm.ru", PACED) for name in ("held", "other"))
    held.hold(now + 100)
    first, _ = held.in_order()
    assert first.reserve(now) >= 100, "and while it is waited for, no turn behind it is taken"
    assert pass_through(other, now) == now


def test_a_turn_from_before_the_machine_was_started_anew_is_forgotten(tmp_path: Path) -> None:
    gate, now = Gate(interval=1.0, burst=1, turns=SharedTurns(tmp_path / "turns")), time.monotonic()
    gate.hold(now + FURTHEST - 10)
    assert gate.reserve(now) > FURTHEST - 11
    gate.hold(now + FURTHEST + 1000)
    assert gate.reserve(now) == 0


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8, b"\x00" * 8])
def test_whatever_is_in_the_file_the_pace_goes_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "turns").write_bytes(content)
    gate, now = Gate(interval=1.0, burst=1, turns=SharedTurns(tmp_path / "turns")), time.monotonic()
    assert [round(gate.reserve(now)) for _ in range(3)] == [0, 1, 2]


def test_a_folder_that_cannot_be_written_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text("a file in its place", encoding="utf-8")
    gate = gates_of(Settings(data_dir=tmp_path)).of("https://one.amocrm.ru", Limits())
    with pytest.raises(SettingsError, match="AMOCRM_DATA_DIR"):
        gate.reserve(0.0)


def test_amocrm_is_spared_and_an_emulator_only_if_that_is_said(tmp_path: Path) -> None:
    amocrm, emulator = "https://one.amocrm.ru", "http://127.0.0.1:8080"
    default = Settings(data_dir=tmp_path)
    said = Settings(data_dir=tmp_path, requests_per_second=2.0, requests_per_second_per_address=3.0)
    unlimited = Settings(data_dir=tmp_path, requests_per_second_per_address=math.inf)

    def paces(settings: Settings, base_url: str) -> tuple[float, float]:
        limits = limits_of(settings, base_url)
        return limits.requests_per_second, limits.requests_per_second_per_address

    assert paces(default, amocrm) == (5, 6)
    assert paces(default, emulator) == (math.inf, math.inf)
    assert paces(said, amocrm) == paces(said, emulator) == (2, 3)
    assert paces(unlimited, amocrm) == (5, math.inf)
    gates = gates_of(default)
    assert len(list(gates.of(amocrm, limits_of(default, amocrm)).in_order())) == 2
    assert len(list(gates.of(emulator, limits_of(default, emulator)).in_order())) == 1
    assert not (tmp_path / "pace").exists(), "nothing is written for who needs no pace"
