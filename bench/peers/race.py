"""One pass of all tools with one number of accounts: create databases, measure loads, check contents."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from bench.peers.environments import CACHE
from bench.peers.figures import CASES, Figure, Run
from bench.peers.measure import Cost, Failed, TooLong, measure
from bench.peers.payloads import FIRST, Truth, truth
from bench.peers.server import VERSION
from bench.peers.tool import Place, Tool, settle
from pipelines.embedded_postgres.cluster import read_postmaster
from pipelines.embedded_postgres.server import EmbeddedServer


@dataclass(frozen=True, kw_only=True)
class Race:
    """One pass of all tools with one number of accounts."""

    folder: Path
    postgres: EmbeddedServer
    payloads: Path
    port: int
    accounts: int
    number: int  # of the pass, counted from 0
    ends: float  # on the monotonic clock
    limit: float  # seconds for one load
    figures: dict[tuple[int, str, str], Figure]  # by accounts, case and tool, those of the passes before too
    _places: dict[str, Place] = field(default_factory=dict)
    _out: set[str] = field(default_factory=set)  # tools that failed, and so have not what the next case begins with

    def run(self, tools: Sequence[Tool], cases: Sequence[str]) -> None:
        """Measure each case, the tools taking turns. Every other case needs a first load."""
        for case in CASES:
            if case in cases or case == "first":
                version = FIRST if case == "unchanged" else case
                self.response(version)
                for tool in tools:
                    key = (self.accounts, case, tool.name)
                    figure = self.figures.setdefault(key, Figure(accounts=self.accounts, case=case, tool=tool.name))
                    if figure.failure:
                        self._out.add(tool.name)
                    elif tool.name not in self._out:
                        self.take_turn(tool, figure, version)
        self.leave()

    def take_turn(self, tool: Tool, figure: Figure, version: str) -> None:
        """Measure one load of one tool and check what it stored."""
        left = self.ends - time.monotonic()
        if left <= 0:
            self.give_up(figure, "no time was left")
            return
        if figure.case == "first":
            self._places[tool.name] = self.new_place(tool)
        place = self._places[tool.name]
        before = self.rest(place, is_new=figure.case == "first")
        try:
            cost = measure(
                tool.command(place),
                folder=place.folder,
                environment=settle(place, self.port) | dict(tool.variables(place)),
                limit=min(left, self.limit),
                server_pid=self.server_pid(),
            )
            after = self.rest(place)
            check(tool, place.url, truth(self.payloads, version, self.accounts))
        except Failed as error:
            if isinstance(error, TooLong):
                figure.more_than = min(left, self.limit)
            self.give_up(figure, str(error))
            self.silence(place)
            return
        figure.runs.append(Run(number=self.number, **asdict(cost), stored_bytes=after - before))
        said(figure, cost)

    def give_up(self, figure: Figure, why: str) -> None:
        """Exclude a tool, and print why."""
        figure.failure = why
        self._out.add(figure.tool)
        print(f"{figure.tool}, {figure.case}, {self.accounts} accounts: {why}", file=sys.stderr)

    def silence(self, place: Place) -> None:
        """End the queries of a killed tool, which would slow down the next ones."""
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

    def new_place(self, tool: Tool) -> Place:
        """Create a database and a folder for a tool."""
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
        """Vacuum and checkpoint, so that no tool pays for another; return the database's bytes."""
        with psycopg.connect(place.url, autocommit=True) as connection:
            if not is_new:  # autovacuum leaves tables alone that never held a row
                connection.execute("vacuum (analyze)")
            # Our role is no superuser and may not run CHECKPOINT; dropping a database runs one.
            connection.execute("drop database if exists checkpoint")
            connection.execute("create database checkpoint")
            connection.execute("drop database checkpoint")
            [(size,)] = connection.execute("select pg_database_size(current_database())").fetchall()
        return int(size)

    def server_pid(self) -> int:
        """Process id of the database server."""
        running = read_postmaster(self.postgres.folder)
        assert running
        return running.pid

    def response(self, version: str) -> None:
        """Switch the served version."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{VERSION.decode()}{version}") as response:
            assert response.status == 204

    def leave(self) -> None:
        """Drop all databases."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            for name in self._places:
                connection.execute(
                    sql.SQL("drop database {} with (force)").format(sql.Identifier(f"{name}-{self.accounts}"))
                )


def check(tool: Tool, url: str, expected: Truth) -> None:
    """Raise ``Failed`` unless the tool stored the expected contents."""
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
    """SQL for the number of rows, and the sum of hashes of those with the needed column."""
    hashed = "('x' || left(md5(concat_ws(':', id, name, text)), 8))::bit(32)::bigint"
    return (
        f"select count(*), coalesce(sum({hashed}) filter (where {needed} is not null), 0)::bigint"  # noqa: S608
        f" from ({query}) as found (id, name, text)"
    )


def said(figure: Figure, cost: Cost) -> None:
    """Print progress."""
    print(
        f"{figure.accounts} accounts, {figure.case:9} {figure.tool:15} {cost.seconds:8.2f} s {cost.megabytes:6.0f} MB",
        file=sys.stderr,
    )
