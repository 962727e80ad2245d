"""Named queries: one file per module, unique names, all used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sql
from pipelines.warehouse.queries import statement

PROJECT = Path(__file__).parents[3]
SOURCES = [file for folder in ("pipelines", "assets", "commands") for file in sorted((PROJECT / folder).rglob("*.py"))]
QUERY_FILES = sorted((PROJECT / "sql" / "queries").rglob("*.sql"))


def requested_names(tree: ast.AST) -> set[str]:
    """Names passed to ``statement`` and ``statement_text`` as literals."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"statement", "statement_text"}
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def strings(tree: ast.AST) -> set[str]:
    """All string literals: a name may also come from a tuple of names."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def names_in(file: Path) -> Iterator[str]:
    """Names of the queries in one file."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-- name: "):
            yield line.removeprefix("-- name: ")


def module_of(file: Path) -> Path:
    """The module that a file of queries belongs to."""
    package, name = file.parent.name, file.stem
    path = f"commands/{name.replace('_', '/')}" if package == "commands" else f"pipelines/{package}/{name}"
    return PROJECT / f"{path}.py"


def test_every_requested_query_exists() -> None:
    requested = set[str]().union(*(requested_names(ast.parse(file.read_text(encoding="utf-8"))) for file in SOURCES))
    assert requested
    assert requested <= sql.queries().keys()


@pytest.mark.parametrize("file", QUERY_FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_query_is_used_by_the_module_of_its_file(file: Path) -> None:
    assert set(names_in(file)) <= strings(ast.parse(module_of(file).read_text(encoding="utf-8")))


def test_an_unknown_query_name_raises_key_error() -> None:
    with pytest.raises(KeyError):
        statement("no_such_query")
