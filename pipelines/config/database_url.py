"""Where the database is, as a user writes it. Nothing is connected to here."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipelines.base.errors import SettingsError

DRIVERS: Final = ("postgresql", "postgres", "postgresql+psycopg")
SECRETS: Final = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
EXAMPLE: Final = "postgresql://user:password@host:5432/database"


def parse_database_url(text: str) -> URL:
    """The address for SQLAlchemy and psycopg 3.

    Raises ``SettingsError``, which never repeats what was written.
    """
    address = text.strip()
    if address.partition("?")[0].count("@") > 1:
        raise _invalid_address("holds more than one '@': one that belongs to the password is written %40")
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _invalid_address("is not the address of a database") from None
    if url.drivername not in DRIVERS:
        raise _invalid_address(
            f"does not begin with {', '.join(f'{driver}://' for driver in DRIVERS[:-1])} or {DRIVERS[-1]}://"
        )
    parsed = url.set(drivername="postgresql+psycopg")
    try:
        connection_parameters(parsed)
    except (ArgumentError, ValueError):
        raise _invalid_address("has hosts or ports in its query string that cannot be read") from None
    return parsed


def connection_parameters(address: URL) -> dict[str, Any]:
    """Parameters by which psycopg connects to an address, those of its query string among them."""
    return dict(address.get_dialect()().create_connect_args(address)[1])


def without_secrets(text: str, address: URL) -> str:
    """Replace the address's secrets in a text, wherever the address has them."""
    parameters = connection_parameters(address)
    for secret in sorted({str(parameters[name]) for name in SECRETS if parameters.get(name)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _invalid_address(what: str) -> SettingsError:
    return SettingsError(
        f"The database's address {what}.",
        advice=f"Write DATABASE_URL like {EXAMPLE}, or leave it empty to use the embedded PostgreSQL.",
    )
