"""Every constraint of the warehouse refuses what it is there to refuse, and says so by its name."""

from __future__ import annotations

import psycopg

from faults.mutation.constraints import constraints, expected, filled, insert, refusal, undone
from faults.mutation.impossible import IMPLIED
from faults.mutation.world import FRESH, WORLD


def test_each_constraint_refuses_its_row(postgres_url: str) -> None:
    """One that is dropped is missing on the left; one that is new needs a row of its own on the right."""
    with psycopg.connect(postgres_url) as connection, filled(connection):
        refused = {one.name: refusal(connection, one) for one in constraints(connection)}
    assert refused == {name: name for name in expected()}


def test_what_others_imply_is_there(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        every = {one.name for one in constraints(connection, with_implied=True)}
    assert IMPLIED.keys() <= every
    assert set(IMPLIED.values()) <= expected() <= every


def test_a_row_that_breaks_nothing_is_taken(postgres_url: str) -> None:
    """So that what is refused above is refused for the one thing that differs."""
    with psycopg.connect(postgres_url) as connection, filled(connection):
        for table, changes in FRESH.items():
            with undone(connection):
                insert(connection, table, WORLD[table] | changes)
