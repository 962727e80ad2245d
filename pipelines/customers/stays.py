"""Stays of customers in stages and segments, and the numbers that are recomputed from all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement


def move_customers(connection: Connection, values: dict[str, Any]) -> None:
    """End the stays of customers that left a place, and begin those of customers that came."""
    for name in ("close_stays", "open_stays"):
        connection.execute(statement(name), values)


def recount_stays(connection: Connection, values: dict[str, Any]) -> None:
    """Recompute cohorts and durations, of stays whose begin is known."""
    values = values | {"begins_from": first_known_begin(connection, values)}
    for name in ("delete_stay_months", "insert_stay_months", "delete_stay_durations", "insert_stay_durations"):
        connection.execute(statement(name), values)


def first_known_begin(connection: Connection, values: dict[str, Any]) -> str:
    """Return the instant from which the begin of stays is known, which may be 'infinity'."""
    return str(connection.scalar(statement("first_known_begin"), values))
