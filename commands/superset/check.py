"""Whether every chart has its data: asked of Superset's own API, as its pages do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click
import requests

from pipelines.errors import WarehouseError
from pipelines.printable import printable_lines

TIMEOUT: Final = 60.0


def check_charts(pages: str, user: str, password: str) -> None:
    """Say of each chart how many rows it has. Raises ``WarehouseError`` where Superset has no data for one."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between us and this machine
        answer = session.post(
            f"{pages}/api/v1/security/login",
            json={"username": user, "password": password, "provider": "db", "refresh": False},
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        listed = session.get(f"{pages}/api/v1/chart/", params={"q": "(page_size:100)"}, timeout=TIMEOUT)
        listed.raise_for_status()
        failed = [chart["slice_name"] for chart in listed.json()["result"] if not has_data(session, pages, chart)]
    if failed:
        raise WarehouseError(f"Superset has no data for {len(failed)} charts: {', '.join(failed)}.")


def has_data(session: requests.Session, pages: str, chart: Mapping[str, Any]) -> bool:
    """Whether the chart's query works; its rows, or what is wrong, are said."""
    params = json.loads(chart["params"])
    dataset_id = int(params["datasource"].partition("__")[0])
    answer = session.post(
        f"{pages}/api/v1/chart/data",
        json={"datasource": {"id": dataset_id, "type": "table"}, "queries": [query_of(params)]},
        timeout=TIMEOUT,
    )
    if not answer.ok:
        click.echo(printable_lines(f"{chart['slice_name']}: {answer.text}"), err=True)
        return False
    click.echo(f"{chart['slice_name']}: {answer.json()['result'][0]['rowcount']} rows")
    return True


def query_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The query that a page makes of a chart's settings, filters of the dashboard aside."""
    if params.get("query_mode") == "raw":
        columns, metrics = params["all_columns"], None
    else:
        columns = [*([params["x_axis"]] if "x_axis" in params else []), *params.get("groupby", [])]
        metrics = params.get("metrics") or [params["metric"]]
    return {
        "columns": columns,
        "metrics": metrics,
        "orderby": [json.loads(order) for order in params.get("order_by_cols", [])],
        "row_limit": params.get("row_limit", 1),
    }
