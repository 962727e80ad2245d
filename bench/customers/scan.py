"""Scans of one account by the command, as a process."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from bench._process import run
from bench.customers.readme import Line
from bench.limits import server_seconds
from bench.one_account import SYNC, empty_warehouse
from emulator import Emulator, World
from emulator.customer_life import change_at_random

SEGMENTS: Final = 100
SCAN: Final = [*SYNC, "--customers"]
CASES: Final[Mapping[str, tuple[Sequence[str], Mapping[str, str]]]] = {
    "first": (SCAN, {}),
    "1 % changed": (SCAN, {}),
    "5 a second": ((sys.executable, "-m", "bench.customers.scan_at_rate", "5"), {}),
    "3 a second": (SCAN, {"AMOCRM_REQUESTS_PER_SECOND": "5"}),
}
"""Command and settings by name. An emulator has no rate limit; a scan sends at three fifths of one that is set."""

CHANGED_SHARE: Final = 0.01


def scans(counts: Sequence[int]) -> Iterator[Line]:
    """Scan accounts of these sizes and yield a table."""
    yield "scan", "| customers | scan | requests | seconds | process, CPU s | Postgres, CPU s | MB |"
    yield "scan", "|---:|---|---:|---:|---:|---:|---:|"
    for count in counts:
        with emulator_process(count) as (url, token, pipe), empty_warehouse() as (folder, database):
            environment = os.environ | {
                "AMOCRM_HOST": url.removeprefix("http://"),
                "AMOCRM_TOKEN": token,
                "AMOCRM_CUSTOMERS": "daily",
                "AMOCRM_DATA_DIR": str(folder / "data"),
                "DATABASE_URL": database,
            }
            for name, (command, rate) in CASES.items():
                if name == "1 % changed":
                    pipe.send(int(count * CHANGED_SHARE))
                    pipe.recv()
                yield "scan", row(count, name, command, {**environment, **rate}, folder)


def row(count: int, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> str:
    """Scan once, and format the figures. Seconds of ``sync`` include the load before the scan."""
    before = server_seconds(folder / "postgres")
    measured = run(command, environment)
    postgres = server_seconds(folder / "postgres") - before
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        [(requests,)] = connection.execute(
            "select request_count from amocrm.scan order by started_at desc limit 1"
        ).fetchall()
    return (
        f"| {count:,} | {name} | {requests} | {measured.seconds:.0f} "
        f"| {measured.processor_seconds:.1f} | {postgres:.1f} | {measured.megabytes:.0f} |"
    )


@contextmanager
def emulator_process(customers: int) -> Iterator[tuple[str, str, Connection]]:
    """Yield URL and token of an emulated account, and a pipe: a number changes as many customers at random."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, customers), daemon=True)
    process.start()
    url, token = ours.recv()
    try:
        yield url, token, ours
    finally:
        process.terminate()
        process.join()


def serve(pipe: Connection, customers: int) -> None:
    """Serve an emulated amoCRM until the process ends."""
    world, random = World(), Random(1)  # noqa: S311 - no secrets
    account_id = world.add_account("Big Coffee")
    for number in range(SEGMENTS):
        world.add_segment(account_id, f"Segment {number}")
    world.add_customers(account_id, customers)
    with Emulator(world=world) as emulator:
        pipe.send((emulator.url, emulator.long_lived_token(account_id)))
        while True:
            for _ in range(pipe.recv()):
                change_at_random(world, account_id, random)
            pipe.send(None)
