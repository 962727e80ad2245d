"""``dictionary``: its output is up to date and gives the grain of each table."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from commands.dictionary import DICTIONARY, format_dictionary
from pipelines.warehouse.catalog import read_catalog, read_functions
from tests.command_line import ROOT, run


def test_the_dictionary_says_what_the_database_says(engine: Engine) -> None:
    with engine.connect() as connection:
        text = format_dictionary(read_catalog(connection), read_functions(connection))
    assert (ROOT / DICTIONARY).read_text(encoding="utf-8") == text, "run './run dictionary' and commit what it writes"


def test_every_table_says_its_grain(engine: Engine) -> None:
    with engine.connect() as connection:
        tables = read_catalog(connection)
    assert len(tables) > 20
    assert not [table.key for table in tables if not (table.comment or "").startswith("One row per ")]


def test_outside_of_the_project_nothing_is_written(tmp_path: Path) -> None:
    result = run("dictionary", folder=tmp_path)
    assert result.returncode == 2
    assert list(tmp_path.iterdir()) == []
