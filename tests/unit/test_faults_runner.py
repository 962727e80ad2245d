"""Cases played in several processes: each once, results complete, a dead process stops no other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from emulator import Emulator
from faults.case import Case, Trial, Verdict
from faults.harness import Harness
from faults.poller import Poller
from faults.runner import play_in_processes
from pipelines.warehouse.engine import open_engine

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # nothing here holds a lock


@contextmanager
def open_one(folder: Path) -> Iterator[Harness]:
    """A harness whose database nobody asks."""
    url = "postgresql://nobody@127.0.0.1:9/nowhere"
    engine = open_engine(url)
    yield Harness(
        server=engine.url, template="", folder=folder, url=url, engine=engine, rebuilt=engine,
        poller=Poller(url, pause=1.0), foreign_host=Emulator(), seed=7, is_quick=True,
    )  # fmt: skip


def a_case(name: str, *, dies: bool = False) -> Case:
    def play(harness: Harness) -> Iterator[Trial]:
        if dies:
            os._exit(3)
        yield Trial(verdict=Verdict.EXACT, why=f"{os.getpid()} {harness.next_chance().random()}", rows_lost=2)

    return Case(name=name, wrong="", must="", play=play)


def test_each_case_is_played_once(tmp_path: Path) -> None:
    cases = [a_case(f"case {number}") for number in range(9)]
    played = list(play_in_processes(cases, partial(open_one, tmp_path), jobs=3))
    assert sorted(one.case.name for one in played) == [case.name for case in cases]
    assert {one.verdict for one in played} == {Verdict.EXACT}
    assert [one.trials[0].rows_lost for one in played] == [2] * 9
    assert str(os.getpid()) not in {one.why.partition(" ")[0] for one in played}


def test_random_choices_depend_on_the_case_only(tmp_path: Path) -> None:
    cases = [a_case(f"case {number}") for number in range(4)]
    chances = [
        {
            one.case.name: one.why.partition(" ")[2]
            for one in play_in_processes(cases, partial(open_one, tmp_path), jobs=jobs)
        }
        for jobs in (1, 3)
    ]
    assert chances[0] == chances[1]
    assert len(set(chances[0].values())) == 4


def test_a_process_that_ends_stops_no_other(tmp_path: Path) -> None:
    cases = [a_case(f"case {number}", dies=number == 0) for number in range(6)]
    played = {one.case.name: one for one in play_in_processes(cases, partial(open_one, tmp_path), jobs=2)}
    assert played["case 0"].verdict is Verdict.DAMAGED
    assert "ended" in played["case 0"].why
    assert [one.verdict for name, one in played.items() if name != "case 0"] == [Verdict.EXACT] * 5


def test_an_error_is_raised_if_no_worker_is_left(tmp_path: Path) -> None:
    cases = [a_case(f"case {number}", dies=True) for number in range(4)]
    with pytest.raises(RuntimeError, match="2 cases are left"):
        list(play_in_processes(cases, partial(open_one, tmp_path), jobs=2))
