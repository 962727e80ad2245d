"""What ``dictionary`` writes is up to date, complete, and of a form that readers can rely on."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from commands.dictionary import CATALOG, DICTIONARY, dictionary_text
from pipelines.warehouse.catalog import catalog_text, read_catalog
from tests.command_line import ROOT, run


def test_the_dictionary_and_the_catalog_say_what_the_database_says(engine: Engine) -> None:
    with engine.connect() as connection:
        tables = read_catalog(connection)
    again = "is out of date: './run dictionary' writes it"
    assert dictionary_text(tables) == (ROOT / DICTIONARY).read_text(encoding="utf-8"), f"{DICTIONARY} {again}"
    assert catalog_text(tables) == (ROOT / CATALOG).read_text(encoding="utf-8"), f"{CATALOG} {again}"


def test_everything_is_explained_and_says_its_grain(engine: Engine) -> None:
    with engine.connect() as connection:
        tables = read_catalog(connection)
    assert len(tables) > 20
    assert not [table.key for table in tables if not (table.comment or "").startswith("One row per ")]
    assert not [(table.key, column.name) for table in tables for column in table.columns if not column.comment]


def test_outside_of_the_project_nothing_is_written(tmp_path: Path) -> None:
    result = run("dictionary", folder=tmp_path)
    assert result.returncode == 2
    assert list(tmp_path.iterdir()) == []
