"""The least that loading can take: imports, requests, and COPY of rows that are there already."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Final

import psycopg

from bench.peers.environments import HERE
from bench.peers.ours import ROOT
from bench.peers.payloads import FIRST, host_of
from bench.peers.shared import amo
from bench.peers.tool import Place, Tool, python
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.system_user import server_user

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
