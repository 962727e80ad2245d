"""The packaged catalog equals a migrated database."""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.warehouse.catalog import (
    CATALOG_FILE,
    format_catalog,
    read_catalog,
    read_functions,
    read_packaged_catalog,
)


def test_the_stored_catalog_is_the_database_s(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog = read_catalog(connection)
    assert read_packaged_catalog() == catalog, "run './run dictionary' to write sql/catalog.json anew"
    assert CATALOG_FILE.read_text(encoding="utf-8") == format_catalog(catalog)


def test_everything_is_explained(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog, functions = read_catalog(connection), read_functions(connection)
    assert not [table.key for table in catalog if not table.comment]
    assert not [(*table.key, column.name) for table in catalog for column in table.columns if not column.comment]
    assert {"as_of", "stages_as_of"} <= {function.name for function in functions if function.columns}
    assert not [function.name for function in functions if not function.comment]


def test_a_view_uses_what_it_is_made_of_and_a_table_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog = {table.key: table for table in read_catalog(connection)}
    assert catalog["analytics", "snapshots"].uses == (("amocrm", "account"), ("amocrm", "snapshot"))
    assert {table.is_view for table in catalog.values() if table.uses} == {True}
    assert {table.is_view for table in catalog.values() if not table.uses} == {False}
    assert {used for table in catalog.values() for used in table.uses} <= catalog.keys()
