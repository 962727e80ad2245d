"""What acceptance tests need beside a database: a second one, to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from pipelines.warehouse.engine import open_engine
from tests.conftest import NewDatabase


@pytest.fixture
def other_engine(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    """Connections to another fresh, migrated database."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()
