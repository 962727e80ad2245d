"""Superset's dashboard files name existing views and columns."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
import yaml

from commands.superset.translation import translate
from tests.conftest import NewDatabase

ROOT: Final = Path(__file__).parents[2] / "docs" / "dashboards" / "superset"
PAGE: Final = (ROOT.parents[1] / "dashboards.md").read_text(encoding="utf-8")
FILES: Final[dict[str, Any]] = {
    path.relative_to(ROOT).as_posix(): yaml.load(path.read_bytes(), yaml.CSafeLoader)
    for path in sorted(ROOT.rglob("*.yaml"))
}


def of_kind(kind: str) -> list[Any]:
    """Parameters of a test: a file of that kind each."""
    return [pytest.param(file, id=Path(path).stem) for path, file in FILES.items() if path.startswith(f"{kind}/")]


CHARTS: Final = of_kind("charts")
DATASETS: Final = of_kind("datasets")
DASHBOARDS: Final = of_kind("dashboards")
BY_UUID: Final[dict[str, Any]] = {file["uuid"]: file for path, file in FILES.items() if "uuid" in file}


def columns_of(dataset: dict[str, Any]) -> set[str]:
    return {column["column_name"] for column in dataset["columns"]}


def metrics_of(dataset: dict[str, Any]) -> set[str]:
    return {metric["metric_name"] for metric in dataset["metrics"]}


def columns_named(params: dict[str, Any]) -> set[str]:
    """Columns that a chart's settings name."""
    filters = [one["subject"] for one in params["adhoc_filters"]]
    orders = [json.loads(order)[0] for order in params.get("order_by_cols", [])]
    named = [*params.get("all_columns", []), *params.get("groupby", []), *params.get("column_config", {}), *orders]
    return {*named, *filters, *(params[key] for key in ("x_axis", "source", "target") if key in params)}


def test_there_is_something_of_each() -> None:
    assert min(len(CHARTS), len(DATASETS), len(DASHBOARDS)) >= 2
    assert FILES["metadata.yaml"]["type"] == "Dashboard", "so that Superset's pages import it"


def test_ids_are_unique() -> None:
    counted = Counter(file["uuid"] for path, file in FILES.items() if path != "metadata.yaml")
    assert set(counted.values()) == {1}
    assert all(str(UUID(text)) == text for text in counted)


def test_no_password_is_in_the_files() -> None:
    address = FILES["databases/warehouse.yaml"]["sqlalchemy_uri"]
    assert re.search(r":([^:@]+)@", address)[1] == "XXXXXXXXXX"  # type: ignore[index]


@pytest.fixture(scope="module")
def reader(new_database: NewDatabase, migrated_template: str) -> Iterator[psycopg.Connection]:
    """A session with the rights of a reader, on a database without data."""
    with new_database(migrated_template) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session authorization amocrm_reader")
        yield connection


@pytest.mark.parametrize("dataset", DATASETS)
def test_views_have_the_columns_of_a_dataset(reader: psycopg.Connection, dataset: dict[str, Any]) -> None:
    source = f"({dataset['sql']})" if "sql" in dataset else f"{dataset['schema']}.{dataset['table_name']}"
    described = reader.execute(f"select * from {source} as source limit 0".encode()).description
    assert described
    if "sql" in dataset:
        in_french = translate(dataset, lambda text: f"l'{text}")["sql"]
        translated = reader.execute(f"select * from ({in_french}) as source limit 0".encode()).description or ()
        assert [column.name for column in translated] == [column.name for column in described]
    oids = [column.type_code for column in described]
    types = reader.execute("select oid, format_type(oid, null) from pg_type where oid = any(%s)", [oids]).fetchall()
    names = {oid: name.upper() for oid, name in types}
    there = {column.name: names[column.type_code] for column in described}
    named = {column["column_name"]: column["type"] for column in dataset["columns"]}
    assert named.items() <= there.items()
    assert "sql" not in dataset or named.keys() == there.keys()
    for metric in dataset["metrics"]:
        reader.execute(f"select {metric['expression']} from {source} as source".encode())


def queries_of(part: Any) -> Iterator[str]:
    """Every query in Grafana's dashboard: of its panels, annotations and variables."""
    if isinstance(part, dict):
        yield from (part[key] for key in ("rawSql", "query") if str(part.get(key)).startswith("select"))
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from queries_of(inner)


GRAFANA: Final = [*queries_of(json.loads((ROOT.parent / "grafana.json").read_text(encoding="utf-8")))]


@pytest.mark.parametrize("query", [*re.findall(r"```sql\n(.+?)```", PAGE, re.DOTALL), *GRAFANA])
def test_queries_of_the_page_and_of_grafana_run(reader: psycopg.Connection, query: str) -> None:
    """With Grafana's macro and variable written out as its documentation says."""
    during = r"\1 between '2026-11-01T00:00:00Z' and '2026-12-01T00:00:00Z'"
    written_out = re.sub(r"\$__timeFilter\((.+)\)$", during, query.replace("$account", "1"), flags=re.MULTILINE)
    described = reader.execute(written_out.encode()).description
    assert described


@pytest.mark.parametrize("dataset", DATASETS)
def test_instants_and_days_have_their_types(dataset: dict[str, Any]) -> None:
    main = dataset["main_dttm_col"]
    times = {column["column_name"] for column in dataset["columns"] if column["is_dttm"]}
    assert (main in times) if main else not times
    assert dataset["database_uuid"] == FILES["databases/warehouse.yaml"]["uuid"]


@pytest.mark.parametrize("chart", CHARTS)
def test_a_dataset_has_what_a_chart_shows(chart: dict[str, Any]) -> None:
    params, dataset = chart["params"], BY_UUID[chart["dataset_uuid"]]
    metrics = {*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])}
    assert chart["viz_type"] == params["viz_type"]
    assert columns_named(params) <= columns_of(dataset)
    assert metrics <= metrics_of(dataset)
    assert metrics or params["all_columns"]
    assert params.get("x_axis_sort", next(iter(metrics), None)) in {*metrics, None}


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_dashboard_shows_charts_that_are_there(dashboard: dict[str, Any]) -> None:
    position = dashboard["position"]
    placed = {key: one for key, one in position.items() if key.startswith("CHART-")}
    for one in placed.values():
        assert BY_UUID[one["meta"]["uuid"]]["slice_name"] == one["meta"]["sliceName"]
    numbers = {one["meta"]["uuid"]: one["meta"]["chartId"] for one in placed.values()}
    assert len(set(numbers.values())) == len(numbers), "by these numbers Superset finds them again"
    hung = [child for one in position.values() if isinstance(one, dict) for child in one.get("children", [])]
    assert sorted(hung) == sorted(position.keys() - {"DASHBOARD_VERSION_KEY", "ROOT_ID", "HEADER_ID"})
    for key, row in position.items():
        if key.startswith("ROW-"):
            assert sum(position[child]["meta"]["width"] for child in row["children"]) == 12


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_filters_find_their_columns(dashboard: dict[str, Any]) -> None:
    filters = dashboard["metadata"]["native_filter_configuration"]
    assert {"Account", "Time range"} <= {one["name"] for one in filters}
    charts = {one["meta"]["chartId"]: BY_UUID[one["meta"]["uuid"]] for one in placed_on(dashboard)}
    for one in filters:
        for column in (target["column"]["name"] for target in one["targets"] if target):
            assert column in columns_of(BY_UUID[one["targets"][0]["datasetUuid"]])
            without = {n for n, chart in charts.items() if column not in columns_of(BY_UUID[chart["dataset_uuid"]])}
            assert set(one["scope"]["excluded"]) == without


def test_every_chart_is_on_a_dashboard_and_every_dataset_in_a_chart() -> None:
    shown = {one["meta"]["uuid"] for file in DASHBOARDS for one in placed_on(file.values[0])}
    assert shown == {file.values[0]["uuid"] for file in CHARTS}
    assert {file.values[0]["dataset_uuid"] for file in CHARTS} == {file.values[0]["uuid"] for file in DATASETS}


def placed_on(dashboard: Any) -> list[dict[str, Any]]:
    """The charts of a dashboard."""
    return [one for key, one in dashboard["position"].items() if key.startswith("CHART-")]


def test_every_dataset_is_of_one_account_at_a_time() -> None:
    """The filter for the account reaches every chart: views find their rows by it."""
    assert all("account_id" in columns_of(file.values[0]) for file in DATASETS)
