"""Our loads against those of dlt, pandas and Singer: same answers, same Postgres, one run (``./run bench peers``).

Every load is a whole process, from its start to its end, and what it stored is compared with what the answers held:
wrong data do not count. Tools take turns within a case, so that what else the machine does falls on all of them.
``bench/README.md`` says what is compared with what, and how fair that is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from bench.peers import report
from bench.peers.environments import CACHE
from bench.peers.measure import Cost, Failed, measure
from bench.peers.payloads import FIRST, Truth, captured, truth
from bench.peers.server import VERSION, serve
from bench.peers.tools import TOOLS, Place, Tool, settle
from pipelines.warehouse.cluster import postmaster
from pipelines.warehouse.embedded import EmbeddedServer, embedded_postgres

CASES: Final = ("first", "unchanged", "one", "all")


def main() -> None:
    """Measure what is chosen, and print it as tables; all figures go to a JSON file too."""
    options = read_options()
    ends = time.monotonic() + options.minutes * 60
    payloads = captured(CACHE, max(options.accounts), options.runs)
    figures: list[report.Figure] = []
    with tempfile.TemporaryDirectory() as temporary, answering(payloads) as port:
        folder = Path(temporary)
        folder.chmod(0o755)
        with embedded_postgres(folder / "postgres") as postgres:
            machine = report.machine(postgres.url)
            for accounts in options.accounts:
                race = Race(
                    folder=folder, postgres=postgres, payloads=payloads, port=port, accounts=accounts, ends=ends
                )
                figures += race.run(options.tools, options.cases, options.runs, options.seconds)
    facts = machine | {"load average after": os.getloadavg()[0]}
    if options.json:
        document = {"facts": facts, "figures": [asdict(figure) for figure in figures]}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    print(report.markdown(figures, options.tools, facts, CACHE))


def read_options() -> argparse.Namespace:
    """What to measure."""
    by_name = {tool.name: tool for tool in TOOLS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=comma(int), default=[1, 100], help="numbers of accounts (default: 1,100)")
    parser.add_argument("--tools", type=comma(by_name.__getitem__), default=list(TOOLS), help=", ".join(by_name))
    parser.add_argument("--cases", type=comma(str), default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure at most (default: 3)")
    parser.add_argument("--seconds", type=float, default=120, help="repeat no figure that took so long (default: 120)")
    parser.add_argument("--minutes", type=float, default=60, help="measure no longer than that (default: 60)")
    parser.add_argument("--json", type=Path, help="write every run into this file")
    return parser.parse_args()


def comma(kind: type | object) -> object:
    """A reader of lists with commas."""
    return lambda text: [kind(part) for part in text.split(",")]


@contextmanager
def answering(payloads: Path) -> Iterator[int]:
    """The port at which all accounts are answered by a process of its own."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=serve, args=(theirs, payloads), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


@dataclass(frozen=True, kw_only=True)
class Race:
    """All tools with one number of accounts."""

    folder: Path
    postgres: EmbeddedServer
    payloads: Path
    port: int
    accounts: int
    ends: float  # on the monotonic clock
    _places: dict[str, Place] = field(default_factory=dict)
    _out: set[str] = field(default_factory=set)  # tools that failed, or whose first load is missing

    def run(self, tools: Sequence[Tool], cases: Sequence[str], runs: int, seconds: float) -> list[report.Figure]:
        """Measure case after case, the tools taking turns."""
        figures: dict[tuple[str, str], report.Figure] = {}
        for case in CASES:
            for number in range(runs if case in cases else case == "first"):
                version = f"{case}-{number}" if case in ("one", "all") else FIRST
                self.answer(version)
                for tool in tools:
                    figure = figures.setdefault(
                        (tool.name, case), report.Figure(tool=tool.name, case=case, accounts=self.accounts)
                    )
                    if tool.name not in self._out and sum(run.seconds for run in figure.runs) < seconds:
                        self.take_turn(tool, figure, version)
        self.leave()
        return [figure for (_, case), figure in figures.items() if case in cases]

    def take_turn(self, tool: Tool, figure: report.Figure, version: str) -> None:
        """One load of one tool, and a look at what it stored."""
        left = self.ends - time.monotonic()
        if left <= 0:
            figure.trouble = figure.trouble or "no time was left"
            self._out.add(tool.name)
            return
        if figure.case == "first":
            self._places[tool.name] = self.new_place(tool)
        place = self._places[tool.name]
        before = self.rest(place, is_new=figure.case == "first")
        try:
            cost = measure(
                tool.command(place),
                folder=place.folder,
                environment=settle(place, self.port) | tool.variables(place),
                limit=left,
                server_pid=self.server_pid(),
            )
            after = self.rest(place)
            check(tool, place.url, truth(self.payloads, version, self.accounts))
        except Failed as error:
            figure.trouble = str(error)
            self._out.add(tool.name)
            print(f"{tool.name}, {figure.case}, {self.accounts} accounts: {error}", file=sys.stderr)
            return
        figure.runs.append(report.Run(**asdict(cost), stored_bytes=after - before))
        said(tool, figure, cost)

    def new_place(self, tool: Tool) -> Place:
        """A database and a folder for a tool, empty but for what it needs."""
        name = f"{tool.name}-{self.accounts}"
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        place = Place(
            folder=folder,
            url=self.postgres.url_of(name),
            cache=CACHE,
            payloads=self.payloads,
            accounts=self.accounts,
        )
        tool.prepare(place)
        return place

    def rest(self, place: Place, *, is_new: bool = False) -> int:
        """Do what the server would do in its own time, so that no tool pays for another; the database's bytes."""
        with psycopg.connect(place.url, autocommit=True) as connection:
            if not is_new:  # autovacuum leaves tables alone that never held a row
                connection.execute("vacuum (analyze)")
            connection.execute("checkpoint")
            [(size,)] = connection.execute("select pg_database_size(current_database())").fetchall()
        return int(size)

    def server_pid(self) -> int:
        """The database server's process, from which all others of it come."""
        running = postmaster(self.postgres.folder)
        assert running
        return running.pid

    def answer(self, version: str) -> None:
        """Have another version answered from now on."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{VERSION.decode()}{version}") as answer:
            assert answer.status == 204

    def leave(self) -> None:
        """Drop all databases."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            for name in self._places:
                connection.execute(
                    sql.SQL("drop database {} with (force)").format(sql.Identifier(f"{name}-{self.accounts}"))
                )


def check(tool: Tool, url: str, expected: Truth) -> None:
    """Raise ``Failed`` unless the tool stored what the answers held."""
    if tool.segments is None or tool.values is None:
        return
    with psycopg.connect(url) as connection:
        segments = connection.execute(counted("id", tool.segments)).fetchone()
        values = connection.execute(counted("text", tool.values)).fetchone()
    assert segments
    assert values
    stored = Truth(segments=segments[0], segment_sum=segments[1], values=values[0], text_sum=values[1])
    if stored != expected:
        raise Failed(f"stored {stored}, not {expected}")


def counted(needed: str, query: str) -> str:
    """SQL for how many rows there are, and the sum of the hashes of those that have what is needed."""
    hashed = "('x' || left(md5(concat_ws(':', id, name, text)), 8))::bit(32)::bigint"
    return (
        f"select count(*), coalesce(sum({hashed}) filter (where {needed} is not null), 0)::bigint"  # noqa: S608
        f" from ({query}) as found (id, name, text)"
    )


def said(tool: Tool, figure: report.Figure, cost: Cost) -> None:
    """Say how far it is."""
    print(
        f"{figure.accounts} accounts, {figure.case:9} {tool.name:13} {cost.seconds:8.2f} s {cost.megabytes:6.0f} MB",
        file=sys.stderr,
    )
