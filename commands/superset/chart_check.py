"""Check of the charts' data by Superset's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click
import requests

from pipelines.base.errors import WarehouseError
from pipelines.base.escape import printable_lines

TIMEOUT: Final = 60.0


def check_charts(url: str, user: str, password: str) -> None:
    """Print the row count of each chart. Raises ``WarehouseError`` if a chart's query fails."""
    with requests.Session() as session:
        session.trust_env = False  # Superset is on this machine: no proxy
        response = session.post(
            f"{url}/api/v1/security/login",
            json={"username": user, "password": password, "provider": "db", "refresh": False},
            timeout=TIMEOUT,
        )
        response.raise_for_status()
        session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        charts = session.get(f"{url}/api/v1/chart/", params={"q": "(page_size:100)"}, timeout=TIMEOUT)
        charts.raise_for_status()
        failed = [chart["slice_name"] for chart in charts.json()["result"] if not has_data(session, url, chart)]
    if failed:
        raise WarehouseError(f"Superset has no data for {len(failed)} charts: {', '.join(failed)}.")


def has_data(session: requests.Session, url: str, chart: Mapping[str, Any]) -> bool:
    """Run the chart's query and print its row count or error; return False if it fails."""
    params = json.loads(chart["params"])
    dataset_id = int(params["datasource"].partition("__")[0])
    response = session.post(
        f"{url}/api/v1/chart/data",
        json={"datasource": {"id": dataset_id, "type": "table"}, "queries": [build_query(params)]},
        timeout=TIMEOUT,
    )
    if not response.ok:
        click.echo(printable_lines(f"{chart['slice_name']}: {response.text}"), err=True)
        return False
    click.echo(f"{chart['slice_name']}: {response.json()['result'][0]['rowcount']} rows")
    return True


def build_query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Build the query of a chart from its settings, without the dashboard's filters."""
    if params.get("query_mode") == "raw":
        columns, metrics = params["all_columns"], None
    else:
        axes = (params[key] for key in ("x_axis", "source", "target") if key in params)
        columns = [*axes, *params.get("groupby", [])]
        metrics = params.get("metrics") or [params["metric"]]
    return {
        "columns": columns,
        "metrics": metrics,
        "orderby": [json.loads(order) for order in params.get("order_by_cols", [])],
        "row_limit": params.get("row_limit", 1),
    }
