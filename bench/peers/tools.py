"""The tools that are compared: how each loads all accounts, and where what it loaded is found again."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import psycopg
from dagster import DagsterInstance

from assets.fleet import register_buckets
from assets.instance import prepare_home
from assets.on_their_way import LOAD_FLEET
from bench.peers.environments import HERE, environment
from bench.peers.payloads import FIRST, host_of
from bench.peers.shared import amo
from pipelines.buckets import buckets
from pipelines.warehouse.binaries import find_binaries
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.server_user import server_user

ROOT: Final = HERE.parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one tool loads: a folder with accounts.toml, a database of its own, and captured answers."""

    folder: Path
    url: str
    cache: Path
    payloads: Path
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One way to load all accounts."""

    name: str
    kind: Literal["history", "copies", "floor"]  # whether it keeps what changed, a copy of all each time, or nothing
    what: str  # in the table's legend
    command: Callable[[Place], list[str]]
    peer: str | None = None  # whose environment it needs
    packages: tuple[str, ...] = ()  # of that environment, worth naming
    prepare: Callable[[Place], None] = lambda _: None  # once for each database, not measured
    variables: Callable[[Place], Mapping[str, str]] = lambda _: {}
    segments: str | None = None  # SQL for id, name and size of all segments as loaded last
    values: str | None = None  # SQL for segment, field and text (null where it is none) of all their values


def python(place: Place, peer: str) -> str:
    """The interpreter of a peer's environment."""
    return str(environment(peer, place.cache))


# --- Ours ------------------------------------------------------------------------------------------------------------


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
        *("--tags", json.dumps({"dagster/partition": buckets(1)[0].key})),
    ],
    prepare=at_home,
    variables=lambda place: {"PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(place.folder / "dagster")},
)

# --- Peers -----------------------------------------------------------------------------------------------------------

LAST_COPY: Final = {
    "segments": "select id, name, customers_count from {0}.segments"
    " where observed_at = (select max(observed_at) from {0}.segments)",
    "values": "select segment_id, field_id, case when field_type in ('text', 'textarea', 'url') then text_value end"
    " from {0}.values"
    " where observed_at = (select max(observed_at) from {0}.segments)",
}
NESTED_VALUES: Final = """
    select segment.id, field.field_id, case when field.field_type in ('text', 'textarea', 'url') then item.value end
    from peer.segments as segment
    join peer.segments__custom_fields_values as field on field._dlt_parent_id = segment._dlt_id
    join peer.segments__custom_fields_values__values as item on item._dlt_parent_id = field._dlt_id
"""
NESTED_SEGMENTS: Final = "select id, name, customers_count from peer.segments as segment"
NEWEST_LOAD: Final = "where segment._dlt_load_id = (select max(load_id) from peer._dlt_loads)"
STILL_VALID: Final = "where segment._dlt_valid_to is null"


def dlt(form: str, what: str, *, segments: str, values: str) -> Tool:
    """One of dlt's ways."""
    return Tool(
        name=f"dlt-{form}",
        kind="history" if form == "scd2" else "copies",
        what=what,
        peer="dlt",
        packages=("dlt", "pyarrow", "adbc-driver-postgresql") if form == "arrow" else ("dlt", "psycopg2-binary"),
        command=lambda place: [python(place, "dlt"), str(HERE / "dlt" / "load.py"), form],
        variables=lambda place: {
            "DESTINATION__POSTGRES__CREDENTIALS": place.url,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
        },
        segments=segments,
        values=values,
    )


def pandas(method: str, what: str) -> Tool:
    """One of pandas' ways."""
    return Tool(
        name=f"pandas-{method}",
        kind="copies",
        what=what,
        peer="pandas",
        packages=("pandas", "sqlalchemy", "psycopg2-binary"),
        command=lambda place: [python(place, "pandas"), str(HERE / "pandas" / "load.py"), method],
        segments=LAST_COPY["segments"].format("public"),
        values=LAST_COPY["values"].format("public"),
    )


def pipe(place: Place) -> list[str]:
    """A tap and a target, each a process."""
    interpreter = python(place, "singer")
    target = Path(interpreter).with_name("target-postgres")
    return ["bash", "-o", "pipefail", "-c", f"{interpreter} {HERE}/singer/tap.py | {target} --config target.json"]


def configured(place: Place) -> None:
    """The target's settings: rows by COPY, appended, not looked at twice."""
    settings = {
        "sqlalchemy_url": place.url.replace("postgresql://", "postgresql+psycopg://"),
        "default_target_schema": "peer",
        "use_copy": True,
        "load_method": "append-only",
        "validate_records": False,
    }
    (place.folder / "target.json").write_text(json.dumps(settings), encoding="utf-8")


SINGER: Final = Tool(
    name="singer",
    kind="copies",
    what="a tap of singer-sdk into target-postgres, by COPY",
    peer="singer",
    packages=("singer-sdk", "meltanolabs-target-postgres"),
    command=pipe,
    prepare=configured,
    variables=lambda _: {"SINGER_SDK_LOG_LEVEL": "WARNING", "LOGLEVEL": "WARNING"},
    segments=LAST_COPY["segments"].format("peer"),
    values=LAST_COPY["values"].format("peer"),
)

# --- Floors ----------------------------------------------------------------------------------------------------------

IMPORTS: Final = Tool(
    name="imports",
    kind="floor",
    what="our own imports, then as 'read'",
    command=lambda _: [
        *(
            sys.executable,
            "-c",
            "import runpy, commands.sync; runpy.run_path(__import__('sys').argv[1], run_name='__main__')",
        ),
        str(HERE / "floor" / "read.py"),
    ],
    variables=lambda _: {"PYTHONPATH": f"{ROOT}{os.pathsep}{HERE / 'shared'}"},
)

READ: Final = Tool(
    name="read",
    kind="floor",
    what="the same answers asked for, unzipped and parsed; nothing stored",
    peer="pandas",
    packages=("requests",),
    command=lambda place: [python(place, "pandas"), str(HERE / "floor" / "read.py")],
)

COPIED: Final = ("segments", "values")
NOW: Final = "2026-01-01T00:00Z"


def exported(place: Place) -> None:
    """Write the rows that the appending tools store as files, and make tables for them, without any key."""
    export(place.payloads, place.accounts)
    with psycopg.connect(place.url) as connection:
        connection.execute("""
            create table segments (account_id bigint, id bigint, name text, color text, created_at bigint,
                updated_at bigint, customers_count bigint, observed_at timestamptz)
        """)
        connection.execute("""
            create table "values" (account_id bigint, segment_id bigint, field_id bigint, field_type text,
                position bigint, text_value text, number_value float8, boolean_value boolean, enum_id bigint,
                observed_at timestamptz)
        """)


def export(payloads: Path, accounts: int) -> None:
    """Write the files beside the captured answers, unless they are there."""
    segments, values = (exported_file(payloads, accounts, name) for name in COPIED)
    if segments.exists():
        return
    with (
        zipfile.ZipFile(payloads / f"{FIRST}.zip") as archive,
        values.open("w", encoding="utf-8", newline="") as values_file,
        segments.with_suffix(".part").open("w", encoding="utf-8", newline="") as segments_file,
    ):
        for number in range(accounts):
            document = json.loads(gzip.decompress(archive.read(host_of(number) + amo.SEGMENTS)))
            for segment in document["_embedded"]["segments"]:
                csv.writer(segments_file).writerow(amo.segment_row(segment, NOW).values())
                csv.writer(values_file).writerows(row.values() for row in amo.value_rows(segment, NOW))
    segments.with_suffix(".part").rename(segments)


def exported_file(payloads: Path, accounts: int, name: str) -> Path:
    """The file of a table's rows."""
    return payloads / f"{name}-{accounts}.csv"


def copied(place: Place) -> list[str]:
    """One psql that copies both files."""
    psql = find_binaries(None, server_user()).psql
    files = {name: exported_file(place.payloads, place.accounts, name) for name in COPIED}
    commands = [part for name, file in files.items() for part in ("-c", f"\\copy \"{name}\" from '{file}' with csv")]
    return [str(psql), "--quiet", "--no-psqlrc", place.url, *commands]


COPY: Final = Tool(
    name="copy",
    kind="floor",
    what=r"psql \copy of the rows that the appending tools store, read from files, into tables without keys",
    command=copied,
    prepare=exported,
)

TOOLS: Final = (
    OURS,
    DAGSTER,
    dlt(
        "scd2",
        "dlt, merge by scd2, nested lists as tables of their own",
        segments=f"{NESTED_SEGMENTS} {STILL_VALID}",
        values=f"{NESTED_VALUES} {STILL_VALID}",
    ),
    dlt(
        "append",
        "dlt, append, nested lists as tables of their own",
        segments=f"{NESTED_SEGMENTS} {NEWEST_LOAD}",
        values=f"{NESTED_VALUES} {NEWEST_LOAD}",
    ),
    dlt(
        "arrow",
        "dlt, append, Arrow tables made by hand, by ADBC",
        segments=LAST_COPY["segments"].format("peer"),
        values=LAST_COPY["values"].format("peer"),
    ),
    pandas("insert", "pandas to_sql, append"),
    pandas("copy", "pandas to_sql, append, with the COPY callable of its manual"),
    SINGER,
    IMPORTS,
    READ,
    COPY,
)


def settle(place: Place, port: int) -> dict[str, str]:
    """Write accounts.toml, and say with which variables a tool runs."""
    names = [f"shop-{number:04}" for number in range(place.accounts)]
    variables = {f"TOKEN_{number}": f"bench-{number}" for number in range(place.accounts)}
    (place.folder / "accounts.toml").write_text(
        "\n".join(
            f'[accounts.{name}]\nhost = "{host_of(number)}:{port}"\ntoken_env = "TOKEN_{number}"\n'
            for number, name in enumerate(names)
        ),
        encoding="utf-8",
    )
    return variables | {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(place.folder),
        "PYTHONPATH": str(HERE / "shared"),
        "DATABASE_URL": place.url,
        "PGPASSWORD": urlsplit(place.url).password or "",
    }
