"""Sessions that hold what somebody waits for, in words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from pipelines.warehouse.queries import statement


def describe_blockers(connection: Connection) -> str:
    """Name the sessions that hold our tables or views and how to end them; empty if there is none."""
    rows = connection.execute(statement("who_is_in_the_way")).all()
    if not rows:
        return ""
    return (
        f"In the way: {'; '.join(map(_named, rows))}. To end one, as a superuser or a"
        f" member of its role: {_ending(rows[0])}."
    )


def _named(row: Row[Any]) -> str:
    what = f"pid {row.pid}" if row.pid else f"prepared transaction {row.prepared!r}"
    program = f", {_printable(row.application_name)}" if row.application_name else ""
    since = f", since {row.since:%Y-%m-%d %H:%M:%S} UTC" if row.since else ""
    return f"{what} (role {row.role_name}{program}{since})"


def _ending(row: Row[Any]) -> str:
    return f"select pg_terminate_backend({row.pid})" if row.pid else f"rollback prepared {row.prepared!r}"


def _printable(text: str) -> str:
    """A name that the session gave itself: it must not draw on the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
