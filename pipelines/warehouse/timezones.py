"""Names by which the database's server knows the accounts' timezones.

Names depend on the version of the timezone database: a server may know Europe/Kyiv and not
Europe/Kiev, or the reverse.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement


def database_timezone(connection: Connection, timezone: str) -> str | None:
    """Return another name of the timezone by which the server knows it; None if none is needed, or none is known."""
    if _first_known(connection, [timezone]):
        return None
    return _first_known(connection, list(other_names(timezone)))


def update_database_timezones(connection: Connection) -> None:
    """Store the names by which the server knows the timezones of all accounts, where they have changed."""
    for row in connection.execute(statement("account_timezones")).all():
        name = database_timezone(connection, row.timezone)
        if name != row.database_timezone:
            connection.execute(
                statement("set_database_timezone"), {"account_id": row.account_id, "database_timezone": name}
            )


@cache
def other_names(timezone: str) -> tuple[str, ...]:
    """Return the other names of a timezone: links of the IANA database, whose files in tzdata have the same bytes."""
    folder = files("tzdata").joinpath("zoneinfo")
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    if timezone not in names:
        return ()
    content = folder.joinpath(timezone).read_bytes()
    return tuple(name for name in names if name != timezone and folder.joinpath(name).read_bytes() == content)


def _first_known(connection: Connection, names: list[str]) -> str | None:
    known: str | None = connection.scalar(statement("known_timezone"), {"names": names})
    return known
