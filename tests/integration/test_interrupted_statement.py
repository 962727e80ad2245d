"""A signal while the driver waits for Postgres ends as the signal, not as an error of the database."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine, text

from pipelines.warehouse.engine import transaction


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_an_interrupt_within_a_statement_stays_an_interrupt(engine: Engine, level: str) -> None:
    own = engine.execution_options(isolation_level=level)
    with pytest.raises(KeyboardInterrupt), transaction(own) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.pgconn.send_query(b"select 1")  # its result is not read: the connection is busy
        raise KeyboardInterrupt
    with transaction(engine) as connection:
        assert connection.scalar(text("select 1")) == 1
