"""The largest tables partitioned as in docs/scaling.md: equal history, and loads continue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from faults.invariants import broken
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.retention import purge_all_responses
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import MigrationResult, migrate
from tests.released_warehouse import open_released_accounts, restore_dump

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


@pytest.fixture
def warehouse(empty_database_url: str) -> Iterator[Engine]:
    """A warehouse with a history, upgraded to this program's schema."""
    restore_dump(empty_database_url)
    engine = open_engine(empty_database_url)
    migrate(engine)
    yield engine
    engine.dispose()


def rows(engine: Engine, query: str) -> list[str]:
    with engine.connect() as connection:
        return sorted(str(tuple(row)) for row in connection.execute(text(query)))


def test_partitioned_by_account_it_holds_the_same_and_loads_go_on(
    warehouse: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    [sql] = re.findall(r"```sql\n(begin;.*?commit;)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    questions = [
        f"select * from {relation}"
        for relation in (
            *("amocrm.raw_answer", "amocrm.segment_field_value", "amocrm.segment_size", "amocrm.segment_size_daily"),
            *("analytics.segment_snapshots", "analytics.segment_sizes_daily", "analytics.changes"),
        )
    ]
    before = [rows(warehouse, question) for question in questions]
    with warehouse.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    assert migrate(warehouse).views
    assert migrate(warehouse) == MigrationResult(migrations=(), views=())
    assert [rows(warehouse, question) for question in questions] == before
    constraints = (
        "select conrelid::regclass::text, contype from pg_constraint where conrelid = 'amocrm.segment_size'::regclass"
    )
    assert {"('amocrm.segment_size', 'p')", "('amocrm.segment_size', 'f')"} <= set(rows(warehouse, constraints))

    with open_released_accounts(empty_database_url, tmp_path) as companies:
        loaded = [
            load_account(LoadContext(warehouse, account, companies.settings, clock=companies.clock))
            for account in companies.settings.accounts
        ]
        assert all(one.published.is_new for one in loaded)
        assert loaded[0].published.size_change_count > 0
        assert purge_all_responses(warehouse, companies.settings, now=companies.clock.now()) >= 0
    with warehouse.connect() as connection:
        for one in loaded:
            assert broken(connection, one.extracted.account_id) == []
        plan = "\n".join(
            connection.scalars(
                text("explain select * from amocrm.segment_size where account_id = :id"),
                {"id": loaded[0].extracted.account_id},
            )
        )
    assert len(set(re.findall(r"segment_size_\d+", plan))) == 1
