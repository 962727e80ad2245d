"""Every file of sql/statements is used, and every statement that is asked for has one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipelines.warehouse.statements import statement

PROJECT = Path(__file__).parents[2]
SOURCES = [file for folder in ("pipelines", "assets", "commands") for file in sorted((PROJECT / folder).rglob("*.py"))]
FILES = {file.stem for file in (PROJECT / "sql" / "statements").iterdir()}


def asked_for(tree: ast.AST) -> set[str]:
    """Names given to ``statement`` and ``statement_text`` as they stand."""
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


def test_every_statement_asked_for_has_a_file() -> None:
    found = set[str]().union(*(asked_for(ast.parse(file.read_text(encoding="utf-8"))) for file in SOURCES))
    assert found
    assert found <= FILES


def test_every_file_is_used() -> None:
    found = set[str]().union(*(strings(ast.parse(file.read_text(encoding="utf-8"))) for file in SOURCES))
    assert found >= FILES


def test_a_name_without_a_file_is_a_mistake_of_the_program() -> None:
    with pytest.raises(FileNotFoundError):
        statement("no_such_statement")
