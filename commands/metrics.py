"""``metrics``: print the state of the loads for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

import click
from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from commands.demo.options import demo_option
from commands.psql import settings_for
from pipelines.base.program import PROGRAM
from pipelines.warehouse.engine import open_warehouse, transaction
from pipelines.warehouse.migrate import check_schema
from pipelines.warehouse.queries import statement

GAUGES: Final = {
    "last_snapshot_timestamp_seconds": "When the latest snapshot was observed; absent if the account was never loaded",
    "last_snapshot_duration_seconds": "Seconds that its load took",
    "last_snapshot_requests": "Requests of its load",
    "last_snapshot_response_bytes": "Bytes of the responses of its load",
    "last_snapshot_changes": "Sizes and definitions that differ from the snapshot before",
    "segments": "Segments in the latest snapshot",
    "stages": "Stages in the latest snapshot",
    "customers": "Customers in the latest scan; absent without scans of customers",
    "last_scan_timestamp_seconds": "When the latest scan of customers began; absent without scans",
    "late": "1 if the latest snapshot is older than 1.5 times the account's usual interval",
    "failed_loads": "Failed loads since the latest snapshot",
}
"""Columns of the query ``account_metrics``, which are gauges by account, and their meaning."""


@click.command()
@demo_option
def command(demo: str | None) -> None:
    """Print the state of each account's loads as Prometheus metrics.

    For node_exporter's textfile collector: ./run metrics > amocrm.prom.new && mv amocrm.prom.new amocrm.prom
    """
    with settings_for(demo) as settings, open_warehouse(settings) as engine:
        check_schema(engine)
        with transaction(engine) as connection:
            rows = connection.execute(statement("account_metrics")).all()
    registry = CollectorRegistry()
    registry.register(AccountMetrics(rows))
    click.echo(generate_latest(registry).decode(), nl=False)


class AccountMetrics(Collector):
    """Gauges of the accounts, from rows of the query ``account_metrics``."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows

    def collect(self) -> Iterable[Metric]:
        """Yield the families. An account has no sample of what is unknown."""
        yield InfoMetricFamily("amocrm_warehouse", "Program", {"version": version(PROGRAM)})
        accounts = InfoMetricFamily("amocrm_account", "Accounts that were loaded", labels=("account",))
        for row in self.rows:
            if row.name is not None:
                accounts.add_metric((row.account_key,), {"name": row.name, "mode": row.customers_mode})
        yield accounts
        for column, meaning in GAUGES.items():
            gauge = GaugeMetricFamily(f"amocrm_{column}", meaning, labels=("account",))
            for row in self.rows:
                value = getattr(row, column)
                if value is not None:
                    gauge.add_metric((row.account_key,), float(value))
            yield gauge
