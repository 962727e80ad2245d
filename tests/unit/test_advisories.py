"""``./run audit``: its report of checked and unchecked packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/advisories.py"


def package(name: str, *flaws: str, is_checked: bool = True) -> dict[str, Any]:
    if not is_checked:
        return {"name": name, "skip_reason": "not found"}
    return {"name": name, "version": "1", "vulns": [{"id": flaw, "fix_versions": ["2"]} for flaw in flaws]}


def judge(text: str, *options: str, total: int = 2) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, str(total), *options], input=text, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def document(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize("text", ["", "no JSON", "{}", document(), document(package("a", is_checked=False))])
def test_an_empty_check_is_reported(text: str) -> None:
    code, words = judge(text)
    assert code == 0, "it stays green offline"
    assert "none of 2 packages was checked for known vulnerabilities" in words
    assert judge(text, "--require")[0] == 3


def test_a_partial_check_is_reported_as_partial() -> None:
    text = document(package("a"), package("a"), package("b", is_checked=False))
    code, words = judge(text)
    assert (code, "1 of 2" in words) == (0, True)
    assert judge(text, "--require")[0] == 3


def test_all_checked_and_nothing_found() -> None:
    code, words = judge(document(package("a"), package("b")), "--require")
    assert (code, "All 2 packages of this system were checked: no known vulnerability." in words) == (0, True)
    assert "3 more in the locks are for other systems" in judge(document(package("a")), "--require", total=4)[1]


@pytest.mark.parametrize("options", [[], ["--require"]])
def test_what_was_found_fails_and_is_named(options: list[str]) -> None:
    code, words = judge(document(package("a"), package("b", "PYSEC-1", "GHSA-2")), *options)
    assert code == 1
    assert "b 1: PYSEC-1, mended in 2" in words
    assert "GHSA-2" in words
