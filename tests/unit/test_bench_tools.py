"""Output of the development tools, and the scorecard's page of a part."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

import bench.__main__ as bench
import faults.__main__ as faults
import mutation.__main__ as mutation
from bench.peers.tool import Tool, legend
from faults.case import Case, Result, Trial, Verdict
from faults.page import render
from faults.scorecard import Scorecard, in_words

ROOT = Path(__file__).parents[2]


def test_every_bench_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--help"])
    bench.main()
    shown = capsys.readouterr().out.splitlines()
    for name in ("engine", "limits", "one_account", "peers", "storage", "views"):
        (line,) = (line for line in shown if line.startswith(f"  {name} "))
        assert len(line) > 40
    monkeypatch.setattr(sys, "argv", ["bench", "speed"])
    with pytest.raises(SystemExit, match="2"):
        bench.main()
    assert "no bench 'speed'" in capsys.readouterr().err


def test_the_bench_of_celery_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_celery", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "assets.celery_launcher", raising=False)
    monkeypatch.delitem(sys.modules, "bench.engine", raising=False)
    monkeypatch.setattr(sys, "argv", ["bench", "engine"])
    with pytest.raises(SystemExit, match="Celery is not installed"):
        bench.main()


def test_a_list_whose_reader_has_enough_ends_quietly() -> None:
    command = [sys.executable, "-m", "faults", "--list"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("program", [faults, mutation], ids=["faults", "mutate"])
def test_help_is_for_people(
    program: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    with pytest.raises(SystemExit, match="0"):
        program.main()
    shown = capsys.readouterr().out
    assert "./run" in shown
    assert "`" not in shown


def card_of(part: str, *trials: Trial) -> Scorecard:
    case = Case(name="oauth: a renewal", wrong="It is lost.", must="It is told.", play=lambda _: ())
    result = Result(case=case, verdict=Verdict.EXACT, why="", seconds=1.0, trials=trials)
    others = {"a peer": {"status: 500": "exact"}}
    began_at = datetime(2026, 11, 1, tzinfo=UTC)
    return Scorecard(results=(result,), seed=0, began_at=began_at, seconds=1.0, half="quick", part=part, others=others)


def test_a_part_of_the_list_is_called_so_and_shows_only_what_was_measured() -> None:
    card = card_of("the group oauth", Trial(verdict=Verdict.EXACT))
    page = render(card)
    assert "The quick half of what is known to go wrong, of the group oauth, was made to go wrong." in page
    assert not {word for word in ("None", "a peer", "Most requests", "Back again", "torn reads") if word in page}
    assert "verdicts: 1 exact" in in_words(card.figures())
    assert not [line for line in in_words(card.figures()) if "None" in line or "{" in line]
    measured = render(card_of("", Trial(verdict=Verdict.EXACT, requests=3, recovery_seconds=0.5)))
    assert "The quick half of what is known to go wrong was made" in measured
    assert "Most requests" in measured
    assert "Back again" in measured
    whole = render(replace(card, half="whole", part=""))
    assert "Everything that is known to go wrong was made to go wrong." in whole


def test_mutation_score_counts_hangs_as_killed_and_untested_mutants_as_survivors() -> None:
    results = """
    pipelines.amocrm.pagination.x_passes__mutmut_1: survived
    pipelines.amocrm.pagination.x_passes__mutmut_2: killed
    pipelines.amocrm.pagination.xǁPageǁread__mutmut_1: timeout
    pipelines.transform.diff.x_changes__mutmut_1: no tests
    """
    found = mutation.counts(results)
    assert found["pipelines.amocrm.pagination"] == Counter(survived=1, killed=1, timeout=1)
    assert list(mutation.table(found))[2:] == [
        "| pipelines.amocrm.pagination | 3 | 2 | 1 | 66.7 % |",
        "| pipelines.transform.diff | 1 | 0 | 1 | 0.0 % |",
        "| all | 4 | 2 | 2 | 50.0 % |",
    ]


def test_a_sample_of_mutants_is_the_same_each_time() -> None:
    results = "".join(f"    pipelines.base.clock.x_now__mutmut_{number}: not checked\n" for number in range(1, 21))
    chosen = mutation.sample(results, 5)
    assert len(set(chosen)) == 5
    assert chosen == mutation.sample(results, 5)
    assert len(mutation.sample(results, 100)) == 20


def test_tests_near_a_module_are_those_that_import_it() -> None:
    near = mutation.tests_near(Path("pipelines/amocrm/pagination.py"))
    assert Path("tests/unit/amocrm/test_pagination.py") in near
    assert Path("tests/unit/amocrm/test_access_token.py") not in near


@pytest.mark.parametrize("name", ["pipelines/nothing.py", "tests/conftest.py", "/etc/passwd"])
def test_mutation_score_is_measured_only_for_modules_of_pipelines(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["mutate", name])
    with pytest.raises(SystemExit, match="2"):
        mutation.main()
    assert "is not a file of pipelines/" in capsys.readouterr().err


def test_a_peers_environment_is_made_before_its_versions_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(peer: str, cache: Path) -> Path:
        package = cache / peer / "lib/python3/site-packages/dlt-1.0.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text("Name: dlt\nVersion: 1.0\n")
        return cache / peer

    monkeypatch.setattr("bench.peers.tool.environment", make)
    peer = Tool(name="dlt", kind="copies", what="dlt", command=lambda _: [], peer="dlt", packages=("dlt",))
    assert legend(peer, tmp_path)["what"] == "dlt; dlt 1.0"
