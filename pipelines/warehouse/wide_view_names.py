"""Names of the wide views that exist."""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


def read_wide_view_names(engine: Engine) -> list[str]:
    """Read the names of all accounts' wide views."""
    with transaction(engine) as connection:
        return list(connection.scalars(statement("wide_view_names")))
