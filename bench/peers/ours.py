"""Our own ways to load all accounts: the command, and Dagster's job."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Final

from dagster import DagsterInstance

from assets.dagster_home import prepare_home
from assets.fleet import register_buckets
from assets.names import LOAD_FLEET
from bench.peers.environments import HERE
from bench.peers.tool import Place, Tool
from pipelines.load.buckets import all_buckets
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

ROOT: Final = HERE.parents[1]


def migrated(place: Place) -> None:
    """Bring the database to our schema."""
    engine = open_engine(place.url)
    migrate(engine)
    engine.dispose()


OURS: Final = Tool(
    name="ours",
    kind="history",
    what="amocrm-warehouse sync --all",
    command=lambda _: [sys.executable, "-m", "commands", "sync", "--all"],
    prepare=migrated,
    variables=lambda _: {"PYTHONPATH": str(ROOT)},
    segments="select segment_id, name, customers_count from analytics.segments",
    values="select segment_id, field_id, text_value from analytics.segment_field_values where valid_to is null",
)


def at_home(place: Place) -> None:
    """Bring the database to our schema, and give Dagster a home that knows one bucket for all accounts."""
    migrated(place)
    with DagsterInstance.from_config(str(prepare_home(place.folder / "dagster"))) as instance:
        register_buckets(instance, 1)


DAGSTER: Final = replace(
    OURS,
    name="ours-dagster",
    what="Dagster's job load_fleet, one bucket of all accounts, run by the command line",
    command=lambda _: [
        *(sys.executable, "-m", "dagster", "job", "execute", "-m", "assets.definitions", "-j", LOAD_FLEET),
        *("--tags", json.dumps({"dagster/partition": all_buckets(1)[0].key})),
    ],
    prepare=at_home,
    variables=lambda place: {"PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(place.folder / "dagster")},
)
