"""Run one dlt load per line of standard input, in dlt's environment.

*default*: the REST source with the link to the next page, tables replaced. *best*: pages counted, a history by scd2, a
schema that is frozen once it is there. https://dlthub.com/docs/dlt-ecosystem/verified-sources/rest_api/basic,
/docs/general-usage/merge-loading#scd2-strategy, /docs/general-usage/schema-contracts
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import dlt
import tenacity.nap
from dlt.sources.rest_api import rest_api_source

LISTS = {
    "segments": ("customers/segments", "segments"),
    "fields": ("customers/segments/custom_fields", "custom_fields"),
    "stages": ("customers/statuses", "statuses"),
}
OF_MODE = {"segments": ("segments", "fields"), "periodicity": ("stages",)}
PAGINATORS: dict[str, Any] = {
    "default": {"type": "json_link", "next_url_path": "_links.next.href"},
    "best": {"type": "page_number", "base_page": 1, "total_path": "_page_count"},
}


def source(told: dict[str, str]) -> Any:
    """The lists of the account's mode."""
    is_best = told["config"] == "best"
    resources: list[Any] = []
    for name in OF_MODE[told["mode"]]:
        path, key = LISTS[name]
        paginator = PAGINATORS["default"] if name == "stages" else PAGINATORS[told["config"]]
        endpoint = {"path": path, "params": {"limit": 250}, "data_selector": f"_embedded.{key}", "paginator": paginator}
        disposition: Any = {"disposition": "merge", "strategy": "scd2"} if is_best else "replace"
        resources.append({"name": name, "endpoint": endpoint, "write_disposition": disposition})
    made = rest_api_source(
        {
            "client": {"base_url": told["base_url"] + "/api/v4/", "auth": {"type": "bearer", "token": told["token"]}},
            "resources": resources,
        }
    )
    if is_best:
        made.schema_contract = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
    return made


def main() -> None:
    """Load, print the error, and wait for the next line."""
    tenacity.nap.time = SimpleNamespace(sleep=lambda _: None)  # retries do not wait, as in our cases
    for line in sys.stdin:
        told = json.loads(line)
        pipeline = dlt.pipeline(
            told["dataset"],
            destination=dlt.destinations.postgres(told["database"]),
            dataset_name=told["dataset"],
            pipelines_dir=told["folder"],
        )
        try:
            pipeline.run(source(told))
            error = None
        except Exception as caught:  # noqa: BLE001 - any error is the result
            error = f"{type(caught).__name__}: {caught}"
            pipeline.drop_pending_packages()
        print(json.dumps({"error": error}), flush=True)


if __name__ == "__main__":
    main()
