"""Environment in which PostgreSQL's client programs connect to the warehouse.

The address is passed in the environment, since every local user can read the arguments of a
process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psycopg import pq
from sqlalchemy import URL

from pipelines.base.errors import SettingsError
from pipelines.config.database_url import connection_parameters

SERVICE: Final = "amocrm_warehouse"


@contextmanager
def client_environment(address: URL, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Add the address to an environment, in the variables that libpq reads.

    Parameters without a variable, such as ``sslpassword``, go to a service file of mode 0600, which
    is deleted when the context ends. Raises ``SettingsError`` for a parameter that a service file
    cannot hold.
    """
    variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    parameters = {name: str(value) for name, value in connection_parameters(address).items()}
    by_variable = {
        variable.decode(): value for name, value in parameters.items() if (variable := variables.get(name)) is not None
    }
    by_file = {name: value for name, value in parameters.items() if variables.get(name) is None}
    # PGSERVICE of the user's environment would override the variables and lead to another database.
    kept = {name: value for name, value in environment.items() if name != "PGSERVICE"}
    if not by_file:
        yield kept | by_variable
        return
    if "PGSERVICE" in by_variable:
        raise SettingsError(
            f"The database's address has both a service and {', '.join(sorted(by_file))}.",
            advice="Write these into the service's own section of the service file.",
        )
    with TemporaryDirectory(prefix="amocrm-warehouse-") as folder:
        file = Path(folder) / "pg_service.conf"
        _write_service(file, by_file)
        yield kept | by_variable | {"PGSERVICEFILE": str(file), "PGSERVICE": SERVICE}


def _write_service(file: Path, parameters: Mapping[str, str]) -> None:
    """Write the service file, readable by this user only. Raises ``SettingsError`` for a value it cannot hold."""
    if any("\n" in value or value != value.strip() for value in parameters.values()):
        raise SettingsError(
            f"The database's address has a line break or a blank at the end of {', '.join(sorted(parameters))}.",
            advice="A service file cannot hold such a value: change it.",
        )
    lines = [f"[{SERVICE}]", *(f"{name}={value}" for name, value in parameters.items())]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write("\n".join(lines) + "\n")
