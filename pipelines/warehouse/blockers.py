"""Description of the sessions that block ours."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from pipelines.warehouse.queries import statement


def describe_blockers(connection: Connection) -> str:
    """Name the sessions that hold our tables or views and how to end them; empty if there is none."""
    rows = connection.execute(statement("blocking_sessions")).all()
    if not rows:
        return ""
    return (
        f"Blocked by: {'; '.join(map(_named, rows))}. To end one, as a superuser or a"
        f" member of its role: {_ending(rows[0])}."
    )


def _named(row: Row[Any]) -> str:
    """Name a session by pid, role, program and start of its transaction."""
    what = f"pid {row.pid}" if row.pid else f"prepared transaction {row.prepared!r}"
    program = f", {_printable(row.application_name)}" if row.application_name else ""
    since = f", since {row.since:%Y-%m-%d %H:%M:%S} UTC" if row.since else ""
    return f"{what} (role {row.role_name}{program}{since})"


def _ending(row: Row[Any]) -> str:
    """Return the SQL that ends a session or a prepared transaction."""
    return f"select pg_terminate_backend({row.pid})" if row.pid else f"rollback prepared {row.prepared!r}"


def _printable(text: str) -> str:
    """Replace control characters: the session chose this name, and it must not send escapes to the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
