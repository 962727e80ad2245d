"""Measure the storage of a year of hourly loads: ours, full copies, and copies of sizes.

One account with 100 segments and 30 fields; a tenth of the sizes change each hour, and each segment is edited some six
times in the year (``views_world.sql``). Copies are what an appending tool writes each hour: rows without a key or an
index, those of some hours written and counted for the year.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

import psycopg

from bench.one_account import SEGMENTS
from bench.peers.environments import CACHE
from bench.peers.payloads import FIRST, captured, host_of
from emulator.routes import PATHS
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

HERE: Final = Path(__file__).parent
HOURS_COPIED: Final = 400
AIM: Final = 20.0
RAW_HOURS: Final = 30 * 24
"""Default retention of raw responses."""

OURS: Final = """
    select sum(pg_total_relation_size(relation.oid))::bigint
    from pg_class as relation
    where relation.relnamespace = 'amocrm'::regnamespace and relation.relkind = 'r'
        and relation.relname not in ('raw_answer', 'raw_body', 'schema_migration', 'schema_view')
"""
COPIES: Final = """
    create table copied_segment as
    select snapshot.observed_at, version.account_id, version.segment_id, version.name, version.color,
        version.created_at, size.customers_count
    from (select * from amocrm.snapshot order by observed_at desc limit %(hours)s) as snapshot
    join amocrm.segment_version as version
        on version.valid_from <= snapshot.observed_at and coalesce(version.valid_to, 'infinity') > snapshot.observed_at
    cross join lateral (
        select customers_count from amocrm.segment_size as size
        where size.account_id = version.account_id and size.segment_id = version.segment_id
            and size.observed_at <= snapshot.observed_at
        order by size.observed_at desc limit 1
    ) as size;
    create table copied_value as
    select segment.observed_at, value.account_id, value.segment_id, value.field_id, value.position, value.field_type,
        value.text_value, value.number_value, value.boolean_value, value.option_id
    from copied_segment as segment
    join amocrm.segment_version as version
        on version.segment_id = segment.segment_id and version.valid_from <= segment.observed_at
        and coalesce(version.valid_to, 'infinity') > segment.observed_at
    join amocrm.segment_field_value as value
        on value.segment_id = version.segment_id and value.valid_from = version.valid_from;
    create table copied_size as select observed_at, account_id, segment_id, customers_count from copied_segment
"""


def main() -> None:
    """Fill a database and print a table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with embedded_postgres(folder / "postgres", is_durable=False) as server:
            engine = open_engine(server.url)
            migrate(engine)
            engine.dispose()
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute((HERE / "views_world.sql").read_text(encoding="utf-8"))
                connection.execute("vacuum (analyze)")
                print(table(connection))


def table(connection: psycopg.Connection) -> str:
    """Yield the size of each variant, and its ratio to ours."""
    hours = number(connection, "select count(*) from amocrm.snapshot")
    ours = number(connection, OURS)
    for statement in COPIES.split(";"):
        connection.execute(statement, {"hours": HOURS_COPIED} if "%(hours)s" in statement else None)
    connection.execute("vacuum")
    segments, values, sizes = (
        number(connection, "select pg_table_size(%s::regclass)", f"copied_{name}") * hours / HOURS_COPIED
        for name in ("segment", "value", "size")
    )
    observations = hours * SEGMENTS
    rows = {
        "ours: every change of everything": ours,
        "ours, and 30 days of answers as received": ours + RAW_HOURS * raw_bytes(),
        "copies of segments and values": segments + values,
        "copies of sizes alone": sizes,
    }
    lines = [
        f"{hours:,.0f} loads, {observations:,.0f} observations of a size",
        "",
        "| | MB a year | bytes an observation | times ours |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {size / 1e6:,.1f} | {size / observations:,.1f} | {size / ours:,.1f}× |"
            for name, size in rows.items()
        ),
        "",
        f"Aim: at least {AIM:.0f} times smaller than copies; reached: {(segments + values) / ours:,.0f} times.",
    ]
    return "\n".join(lines)


def raw_bytes() -> int:
    """One hour's list of segments as stored; unchanged bodies are stored once."""
    with zipfile.ZipFile(captured(CACHE, 1) / f"{FIRST}.zip") as archive:
        return len(zlib.compress(gzip.decompress(archive.read(host_of(0) + PATHS["segments"]))))


def number(connection: psycopg.Connection, query: str, *parameters: str) -> float:
    """Return the single number of a query."""
    [(found,)] = connection.execute(query, parameters).fetchall()
    return float(found)


if __name__ == "__main__":
    main()
