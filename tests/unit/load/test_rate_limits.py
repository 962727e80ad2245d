"""Rate limits shared by all threads and processes of a machine."""

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

from pipelines.amocrm.limits import MAX_SLOT_SECONDS_AHEAD, Limits
from pipelines.amocrm.rate_limiter import RateLimiter, RateLimiters
from pipelines.amocrm.slot_store import FileSlotStore
from pipelines.base.errors import SettingsError
from pipelines.config.settings import Settings
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from tests.command_line import ROOT, build_environment

LIMITED_SETTINGS = Limits(requests_per_second_per_address=6)

REQUESTER_SCRIPT = """
import json, sys, time
from pathlib import Path
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.rate_limiter import RateLimiters
gate = RateLimiters(Path(sys.argv[1])).of(sys.argv[2], Limits(requests_per_second_per_address=50))
_, address = gate.limiter_chain()
print("ready", flush=True)
sys.stdin.readline()
sent = []
for _ in range(200):
    now = time.monotonic()
    sent.append(now + address.reserve(now))
print(json.dumps(sent))
"""


def pass_through(rate_limiter: RateLimiter, now: float) -> float:
    """When a request that comes at ``now`` is sent."""
    for one in rate_limiter.limiter_chain():
        now += one.reserve(now)
    return now


def max_in_a_second(sent: list[float]) -> int:
    return max(sum(start <= moment < start + 0.999 for moment in sent) for start in sent)


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=2), st.integers(0, 1), st.integers(0, 3)), max_size=60))
@example([(0.0, number % 2, number % 4) for number in range(8)])  # of each host as many as it may be asked at once
def test_all_processes_share_the_address_limit(asked: list[tuple[float, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        processes = [RateLimiters(Path(folder)), RateLimiters(Path(folder))]  # nothing in common but the files
        now, sent = time.monotonic(), [math.inf]
        for pause, process, host in asked:
            now += pause
            sent.append(pass_through(processes[process].of(f"https://host-{host}.amocrm.ru", LIMITED_SETTINGS), now))
    assert max_in_a_second(sent) <= 6


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=2), st.integers(0, 1)), max_size=60))
@example([(0.0, number % 2) for number in range(12)])
def test_no_host_sees_more_than_seven_in_a_second_from_two_processes(asked: list[tuple[float, int]]) -> None:
    with TemporaryDirectory() as folder:
        processes = [RateLimiters(Path(folder)), RateLimiters(Path(folder))]
        now, sent = time.monotonic(), [math.inf]
        for pause, process in asked:
            now += pause
            sent.append(pass_through(processes[process].of("https://one.amocrm.ru", Limits()), now))
    assert max_in_a_second(sent) <= 7


def test_two_real_processes_never_get_the_same_moment(tmp_path: Path) -> None:
    askers = [
        subprocess.Popen(
            [sys.executable, "-c", REQUESTER_SCRIPT, str(tmp_path), f"https://host-{number}.amocrm.ru"],
            cwd=ROOT,
            env=build_environment(),
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


def test_slots_are_taken_under_a_lock(tmp_path: Path) -> None:
    def update(_: float) -> float:
        with (tmp_path / "turns").open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return 5.0

    FileSlotStore(tmp_path / "turns").update(update)


def test_a_fork_has_a_lock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its parent's descriptor it would have its parent's lock too."""
    slots = FileSlotStore(tmp_path / "turns")
    slots.update(lambda _: 5.0)
    parents = slots._open_file
    with monkeypatch.context() as as_a_fork:
        as_a_fork.setattr("os.getpid", lambda: -1)
        slots.update(lambda _: 6.0)
        assert parents
        assert slots._open_file
        assert slots._open_file[1] != parents[1]
        del slots
    os.close(parents[1])


def test_a_host_that_asks_to_wait_delays_no_other() -> None:
    rate_limiters, now = RateLimiters(), 1000.0
    held, other = (rate_limiters.of(f"https://{name}.amocrm.ru", LIMITED_SETTINGS) for name in ("held", "other"))
    held.hold_until(now + 100)
    first, _ = held.limiter_chain()
    assert first.reserve(now) >= 100, "and while it is waited for, no turn behind it is taken"
    assert pass_through(other, now) == now


def test_slots_from_before_a_reboot_are_ignored(tmp_path: Path) -> None:
    rate_limiter, now = RateLimiter(interval=1.0, burst=1, slots=FileSlotStore(tmp_path / "turns")), time.monotonic()
    rate_limiter.hold_until(now + MAX_SLOT_SECONDS_AHEAD - 10)
    assert rate_limiter.reserve(now) > MAX_SLOT_SECONDS_AHEAD - 11
    rate_limiter.hold_until(now + MAX_SLOT_SECONDS_AHEAD + 1000)
    assert rate_limiter.reserve(now) == 0


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8, b"\x00" * 8])
def test_whatever_is_in_the_file_the_pace_goes_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "turns").write_bytes(content)
    rate_limiter, now = RateLimiter(interval=1.0, burst=1, slots=FileSlotStore(tmp_path / "turns")), time.monotonic()
    assert [round(rate_limiter.reserve(now)) for _ in range(3)] == [0, 1, 2]


def test_a_folder_that_cannot_be_written_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text("a file in its place", encoding="utf-8")
    rate_limiter = rate_limiters_for(Settings(data_dir=tmp_path)).of("https://one.amocrm.ru", Limits())
    with pytest.raises(SettingsError, match="AMOCRM_DATA_DIR"):
        rate_limiter.reserve(0.0)


def test_emulators_are_rate_limited_only_if_configured(tmp_path: Path) -> None:
    amocrm, emulator = "https://one.amocrm.ru", "http://127.0.0.1:8080"
    default = Settings(data_dir=tmp_path)
    said = Settings(data_dir=tmp_path, requests_per_second=2.0, requests_per_second_per_address=3.0)
    unlimited = Settings(data_dir=tmp_path, requests_per_second_per_address=math.inf)

    def paces(settings: Settings, base_url: str) -> tuple[float, float]:
        limits = limits_for(settings, base_url)
        return limits.requests_per_second, limits.requests_per_second_per_address

    assert paces(default, amocrm) == (5, 6)
    assert paces(default, emulator) == (math.inf, math.inf)
    assert paces(said, amocrm) == paces(said, emulator) == (2, 3)
    assert paces(unlimited, amocrm) == (5, math.inf)
    rate_limiters = rate_limiters_for(default)
    assert len(list(rate_limiters.of(amocrm, limits_for(default, amocrm)).limiter_chain())) == 2
    assert len(list(rate_limiters.of(emulator, limits_for(default, emulator)).limiter_chain())) == 1
    assert not (tmp_path / "pace").exists(), "nothing is written for who needs no pace"
