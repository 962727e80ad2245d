"""The peers: dlt, pandas, dbt and Singer, each in the forms that its own documentation has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from bench.peers.environments import HERE
from bench.peers.tool import Place, Tool, python

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
LAST_VERSION: Final = {
    "segments": "select id, name, customers_count from peer.segments where _dlt_valid_to is null",
    "values": "select segment_id, field_id, case when field_type in ('text', 'textarea', 'url') then text_value end"
    " from peer.values where _dlt_valid_to is null",
}
STILL_VALID: Final = "where segment._dlt_valid_to is null"

ROOM_TO_HASH: Final = 64
"""Megabytes of ``work_mem`` with which Postgres can hash the keys of 100 accounts; as shipped it has 4 MB."""
ROOM: Final = f"a work_mem of {ROOM_TO_HASH} MB for each 100 accounts"


def with_room(place: Place) -> None:
    """Let every statement in the database use more memory than Postgres does as it is shipped."""
    with psycopg.connect(place.url) as connection:
        name = sql.Identifier(connection.info.dbname)
        room = f"{ROOM_TO_HASH * max(1, place.accounts // 100)}MB"
        connection.execute(sql.SQL("alter database {} set work_mem = {}").format(name, room))


def dlt(
    name: str,
    what: str,
    *how: str,
    segments: str,
    values: str,
    prepare: Callable[[Place], None] = lambda _: None,
) -> Tool:
    """One of dlt's ways: ``how`` are the arguments of its loader."""
    return Tool(
        name=name,
        kind="history" if "scd2" in how else "copies",
        what=what,
        peer="dlt",
        packages=("dlt", "pyarrow", "adbc-driver-postgresql") if "parquet" in how else ("dlt", "psycopg2-binary"),
        command=lambda place: [python(place, "dlt"), str(HERE / "dlt" / "load.py"), *how],
        prepare=prepare,
        variables=lambda place: {
            "DESTINATION__POSTGRES__CREDENTIALS": place.url,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
        },
        segments=segments,
        values=values,
    )


DLT_SCD2: Final = dlt(
    "dlt-scd2",
    "dlt, merge by scd2, nested lists as tables of their own",
    *("nested", "scd2"),
    segments=f"{NESTED_SEGMENTS} {STILL_VALID}",
    values=f"{NESTED_VALUES} {STILL_VALID}",
)
DLT_SCD2_TUNED: Final = dlt(
    "dlt-scd2-tuned",
    f"as dlt-scd2, but Parquet by ADBC, and {ROOM}",
    *("nested", "scd2", "parquet"),
    segments=f"{NESTED_SEGMENTS} {STILL_VALID}",
    values=f"{NESTED_VALUES} {STILL_VALID}",
    prepare=with_room,
)
DLT_SCD2_ARROW: Final = dlt(
    "dlt-scd2-arrow",
    "as dlt-scd2-tuned, but flat Arrow tables made by hand, with a hash of each row",
    *("flat", "scd2", "parquet"),
    segments=LAST_VERSION["segments"],
    values=LAST_VERSION["values"],
    prepare=with_room,
)
DLT_APPEND: Final = dlt(
    "dlt-append",
    "dlt, append, nested lists as tables of their own",
    *("nested", "append"),
    segments=f"{NESTED_SEGMENTS} {NEWEST_LOAD}",
    values=f"{NESTED_VALUES} {NEWEST_LOAD}",
)
DLT_ARROW: Final = dlt(
    "dlt-arrow",
    "dlt, append, Arrow tables made by hand, by ADBC",
    *("flat", "append", "parquet"),
    segments=LAST_COPY["segments"].format("peer"),
    values=LAST_COPY["values"].format("peer"),
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


PANDAS_INSERT: Final = pandas("insert", "pandas to_sql, append")
PANDAS_COPY: Final = pandas("copy", "pandas to_sql, append, with the COPY callable of its manual")


def postgres_variables(place: Place) -> dict[str, str]:
    """Postgres' own variables, which dbt's profile reads."""
    url = urlsplit(place.url)
    return {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port),
        "PGUSER": url.username or "",
        "PGDATABASE": url.path.lstrip("/"),
    }


DBT_SNAPSHOT: Final = Tool(
    name="dbt-snapshot",
    kind="history",
    what=f"COPY into tables of the latest state, then dbt snapshot (check, all columns), {ROOM}",
    peer="dbt",
    packages=("dbt-core", "dbt-postgres", "psycopg2-binary"),
    command=lambda place: [python(place, "dbt"), str(HERE / "dbt" / "load.py")],
    prepare=with_room,
    variables=postgres_variables,
    segments="select id, name, customers_count from peer_history.segments_history where dbt_valid_to is null",
    values="select segment_id, field_id, case when field_type in ('text', 'textarea', 'url') then text_value end"
    " from peer_history.values_history where dbt_valid_to is null",
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
