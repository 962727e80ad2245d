"""Query plans of views: no other account's rows are read, and time ranges reach the tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

import pytest
from sqlalchemy import Engine, text

import sql
from pipelines.warehouse.engine import open_engine
from tests.conftest import NewDatabase
from tests.sample_history import publish_history

VIEWS: Final = sorted(file.name.removesuffix(".sql") for file in files(sql).joinpath("views").iterdir())
SHORT_TABLES: Final = {"write_back", "write_back_thing"}
"""What people write back is little: it may be looked through as a whole."""

Node = dict[str, Any]


@pytest.fixture(scope="module")
def world(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        publish_history(engine)
        yield engine
        engine.dispose()


def scans(engine: Engine, query: str) -> list[Node]:
    """The parts of the query's plan that read one of our tables."""

    def walk(node: Node) -> Iterator[Node]:
        if node.get("Schema") == "amocrm":
            yield node
        for child in node.get("Plans", ()):
            yield from walk(child)

    with engine.connect() as connection:
        [plan] = connection.scalars(text(f"explain (verbose, format json) {query}")).one()
    return list(walk(plan["Plan"]))


def conditions(node: Node) -> str:
    """All that narrows down what is read here; of a bitmap scan the index is part of it."""
    below = [conditions(child) for child in node.get("Plans", ()) if child["Node Type"].startswith("Bitmap")]
    return json.dumps([value for key, value in node.items() if key.endswith(("Cond", "Filter"))] + below)


@pytest.mark.parametrize("view", VIEWS)
def test_one_account_s_question_reads_that_account_s_rows_only(world: Engine, view: str) -> None:
    found = scans(world, f"select * from analytics.{view} where account_id = 1")
    assert found
    unbounded = {
        node["Relation Name"]
        for node in found
        if "account_id" not in conditions(node) and "account_key" not in conditions(node)
    }
    assert unbounded <= SHORT_TABLES


@pytest.mark.parametrize(
    ("view", "condition", "table", "column"),
    [
        ("segment_sizes_daily", "observed_date >= '2026-04-01'", "segment_size_daily", "observed_date"),
        ("segment_jumps", "observed_date >= '2026-04-01'", "segment_size_daily", "observed_date"),
        ("stage_jumps", "observed_date >= '2026-04-01'", "place_day", "observed_date"),
        ("place_flows_daily", "flow_date >= '2026-04-01'", "place_flow_day", "flow_date"),
        ("segment_sizes", "valid_from >= '2026-04-01'", "segment_size", "observed_at"),
        ("segment_snapshots", "observed_at >= '2026-04-01'", "snapshot", "observed_at"),
        ("segment_history", "valid_from >= '2026-04-01'", "segment_version", "valid_from"),
        ("segment_field_values", "valid_from >= '2026-04-01'", "segment_field_value", "valid_from"),
        ("stage_history", "valid_from >= '2026-04-01'", "stage_version", "valid_from"),
        ("snapshots", "observed_at >= '2026-04-01'", "snapshot", "observed_at"),
        ("changes", "observed_at >= '2026-04-01'", "segment_version", "valid_from"),
        ("changes", "observed_at >= '2026-04-01'", "stage_version", "valid_from"),
        ("changes", "observed_at >= '2026-04-01'", "snapshot", "observed_at"),
    ],
)
def test_a_range_of_time_reaches_the_table(world: Engine, view: str, condition: str, table: str, column: str) -> None:
    found = scans(world, f"select * from analytics.{view} where account_id = 1 and {condition}")
    bounds = [conditions(node) for node in found if node["Relation Name"] == table]
    assert any(f"{column} >= '2026-04-01" in bound for bound in bounds)


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("select name, customers_count from analytics.segments", {"segment_current", "segment_version"}),
        ("select segment_id, observed_date, last_count from analytics.segment_sizes_daily where is_observed", None),
        ("select segment_id, change_count from analytics.segment_jumps", {"segment_size_daily", "snapshot"}),
        ("select stage_id, change_count from analytics.stage_jumps", {"place_day", "scan"}),
        ("select observed_at from analytics.snapshots", {"snapshot"}),
        ("select segment_id, name from analytics.segment_history", {"segment_version"}),
    ],
)
def test_unselected_columns_cost_nothing(world: Engine, query: str, tables: set[str] | None) -> None:
    found = {node["Relation Name"] for node in scans(world, query)}
    assert found == (tables or {"segment_size_daily"})


@pytest.mark.parametrize(
    ("view", "indexes"),
    [
        ("segment_sizes_daily", {"segment_version_last", "snapshot_date"}),
        ("segment_sizes", {"segment_version_last"}),
    ],
)
def test_a_long_history_is_read_by_indexes_of_the_rows_that_matter(world: Engine, view: str, indexes: set[str]) -> None:
    with world.connect() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(connection.scalars(text(f"explain select * from analytics.{view} where account_id = 1")))
    assert indexes <= set(re.findall(r"\w+", plan))
