"""Imports go one way: sql < pipelines < assets < commands, and the emulator stands alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "sql": {"sql"},
    "emulator": {"emulator"},
    "pipelines": {"pipelines", "sql"},
    "assets": {"assets", "pipelines", "sql"},
    "commands": {"commands", "assets", "pipelines", "sql", "emulator"},
}


def imported(path: Path) -> Iterator[str]:
    """Top-level packages that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files, f"{package}/ holds no module"
    ours = set(MAY_IMPORT) | {"tests", "faults"}
    upwards = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name in ours - MAY_IMPORT[package]
    }
    assert not upwards


def test_pipelines_never_imports_dagster() -> None:
    with_dagster = [path for path in (ROOT / "pipelines").rglob("*.py") if "dagster" in set(imported(path))]
    assert not with_dagster
