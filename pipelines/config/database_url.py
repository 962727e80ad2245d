"""Parser of the database's URL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipelines.base.errors import SettingsError

DRIVERS: Final = ("postgresql", "postgres", "postgresql+psycopg")
SECRETS: Final = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
DRIVER_ARGUMENTS: Final = ("prepare_threshold", "autocommit")
"""Arguments of psycopg that addresses of other programs contain. This program sets them itself."""
UNUSABLE_ARGUMENTS: Final = ("conninfo", "context", "cursor_factory", "plugin", "row_factory")
"""Arguments of psycopg and SQLAlchemy that no address can hold."""
EXAMPLE: Final = "postgresql://user:password@host:5432/database"


def parse_database_url(text: str) -> URL:
    """Parse the URL for SQLAlchemy and psycopg 3.

    Raises ``SettingsError`` without repeating the text.
    """
    address = text.strip()
    if address.partition("?")[0].count("@") > 1:
        raise _invalid_url("has more than one '@': write one in the password as %40")
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _invalid_url("is not a database URL") from None
    if url.drivername not in DRIVERS:
        raise _invalid_url(
            f"does not start with {', '.join(f'{driver}://' for driver in DRIVERS[:-1])} or {DRIVERS[-1]}://"
        )
    for name in UNUSABLE_ARGUMENTS:
        if name in url.query:
            raise _invalid_url(f"has the parameter '{name}', which is not one of libpq")
    parsed = url.difference_update_query(DRIVER_ARGUMENTS).set(drivername="postgresql+psycopg")
    if any(not isinstance(value, str) for name, value in parsed.query.items() if name not in ("host", "port")):
        raise _invalid_url("has a parameter twice")
    try:
        connection_parameters(parsed)
    except (ArgumentError, ValueError):
        raise _invalid_url("has invalid hosts or ports in its query string") from None
    return parsed


def connection_parameters(address: URL) -> dict[str, Any]:
    """Return psycopg's connection parameters of a URL, including those of its query string."""
    return dict(address.get_dialect()().create_connect_args(address)[1])


def without_secrets(text: str, address: URL) -> str:
    """Replace the URL's secrets in a text."""
    parameters = connection_parameters(address)
    for secret in sorted({str(parameters[name]) for name in SECRETS if parameters.get(name)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _invalid_url(what: str) -> SettingsError:
    return SettingsError(
        f"The database URL {what}.",
        advice=f"Write DATABASE_URL like {EXAMPLE}, or leave it empty to use the embedded PostgreSQL.",
    )
