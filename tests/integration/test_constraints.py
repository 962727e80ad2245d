"""Every constraint rejects invalid rows itself, and none is redundant."""

from __future__ import annotations

import psycopg

from tests.constraints.checks import (
    constraints,
    expected_names,
    insert,
    rejection,
    rejections_without_each,
    rolled_back,
    sample_rows,
)
from tests.constraints.rejected_rows import IMPLIED
from tests.constraints.sample_rows import NEW_ROWS, SAMPLE_ROWS


def test_each_constraint_rejects_its_row(postgres_url: str) -> None:
    """A dropped constraint is missing on the left; a new one needs a row in ``rejected_rows`` on the right."""
    with psycopg.connect(postgres_url) as connection, sample_rows(connection):
        rejected = {found.name: rejection(connection, found) for found in constraints(connection)}
    assert rejected == {name: name for name in expected_names()}


def test_no_constraint_is_redundant(postgres_url: str) -> None:
    """Without the constraint, its row is accepted or another constraint rejects it, so the test above can fail."""
    with psycopg.connect(postgres_url) as connection:
        rejected_by = rejections_without_each(connection)
    assert rejected_by.keys() == expected_names()
    assert not [name for name, other in rejected_by.items() if name == other]


def test_implied_constraints_exist(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        names = {found.name for found in constraints(connection, with_implied=True)}
    assert IMPLIED.keys() <= names
    assert set(IMPLIED.values()) <= expected_names() <= names


def test_a_valid_new_row_is_accepted_by_each_table(postgres_url: str) -> None:
    """Shows that a row above is rejected only because of its one difference."""
    with psycopg.connect(postgres_url) as connection, sample_rows(connection):
        for table, changes in NEW_ROWS.items():
            with rolled_back(connection):
                insert(connection, table, SAMPLE_ROWS[table] | changes)
