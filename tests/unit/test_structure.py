"""Imports go one way: sql < pipelines < assets < commands; the emulator imports nothing of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
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
LAYERS = (
    {"base"},
    {"config"},
    {"amocrm", "embedded_postgres"},
    {"transform"},
    {"warehouse", "probe"},
    {"report"},
    {"alerts"},
    {"load"},
    {"customers"},
    {"writeback"},
)
"""The packages of pipelines, lowest first. A package imports lower ones only, for types too."""


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[str]:
    """Top-level packages that a file imports, wherever in the file."""
    for node in nodes(path):
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


def imported_within(path: Path, package: str) -> Iterator[str]:
    """Modules of a package that a file imports, wherever in the file, such as ``warehouse.engine``."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            for alias in node.names:
                names = [*(node.module or "").split("."), alias.name][1:]
                is_module = (ROOT / package / Path(*names)).with_suffix(".py").exists()
                yield ".".join(names if is_module else names[:-1])


def modules(package: str) -> dict[str, set[str]]:
    """The modules of a package, and what each imports of the others."""
    return {
        ".".join(path.relative_to(ROOT / package).with_suffix("").parts): set(imported_within(path, package))
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }


def test_every_module_of_pipelines_has_a_package() -> None:
    loose = [module for module in modules("pipelines") if "." not in module]
    assert not loose
    packages = {path.parent.name for path in (ROOT / "pipelines").glob("*/__init__.py")}
    assert set[str]().union(*LAYERS) == packages


def test_packages_of_pipelines_import_lower_ones() -> None:
    layer_of = {package: number for number, layer in enumerate(LAYERS) for package in layer}
    upwards = {
        f"{module} imports {other}"
        for module, others in modules("pipelines").items()
        for other in others
        if (ours := module.partition(".")[0]) != (theirs := other.partition(".")[0])
        and layer_of[theirs] >= layer_of[ours]
    }
    assert not upwards


@pytest.mark.parametrize("package", ["pipelines", "assets", "emulator"])
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    found = modules(package)
    assert any(found.values()), "imports are found"
    assert set(TopologicalSorter(found).static_order()) >= found.keys()


@pytest.mark.parametrize("package", ["pipelines", "assets", "commands"])
def test_every_function_over_eight_lines_has_a_docstring(package: str) -> None:
    without = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (ROOT / package).rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef) and node.name != "__init__" and not ast.get_docstring(node)
        if (node.end_lineno or 0) - node.lineno >= 8
    }
    assert not without


def test_internals_of_dagster_are_imported_in_two_modules() -> None:
    """An upgrade of Dagster may move them."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in MAY_IMPORT
        for path in (ROOT / package).rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom)
        and (
            (node.module or "").startswith("dagster._") or (node.module or "").partition(".")[0] == "dagster_webserver"
        )
    }
    assert found == {"assets/dagster_internals.py", "assets/web/server.py"}
