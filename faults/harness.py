"""Environment that all cases share: a server, two databases, a poller, a foreign host."""

from __future__ import annotations

import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import URL, Engine, make_url

from emulator import Emulator
from faults.poller import Poller
from faults.superuser import server_with_superuser
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate


@dataclass(kw_only=True)
class Harness:
    """Environment of the cases. Each case gets its own account."""

    server: URL
    template: str  # name of a migrated database there, to make others of
    folder: Path
    url: str  # the warehouse
    engine: Engine
    rebuilt: Engine  # an empty warehouse, to make tables anew in
    poller: Poller
    foreign_host: Emulator  # must never receive a request
    seed: int
    is_quick: bool
    _ids: Iterator[int] = field(default_factory=lambda: count(31_000_000), repr=False)
    _chances: Iterator[str] = field(default_factory=lambda: _names("no case"), repr=False)

    def turn_to(self, case: str) -> None:
        """Begin another case, whose random choices do not depend on earlier ones."""
        self._chances = _names(case)

    def new_id(self) -> int:
        """Return an unused account id."""
        return next(self._ids)

    def chance(self, name: str) -> random.Random:
        """Random generator that depends on the seed and the name only."""
        return random.Random(f"{self.seed}:{name}")  # noqa: S311 - reproducible by design

    def next_chance(self) -> random.Random:
        """Next random generator of the current case."""
        return self.chance(next(self._chances))

    def sample(self, name: str, whole: int, quick: int, *, most: int | None = None) -> list[int]:
        """Choose numbers below ``whole``: ``quick`` of them in a quick run, else ``most``, by default all.

        The first and the last are always among them.
        """
        count = quick if self.is_quick else whole if most is None else most
        if whole <= count:
            return list(range(whole))
        inner = self.chance(name).sample(range(1, whole - 1), k=count - 2)
        return sorted({0, whole - 1, *inner})

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a migrated database and yield its address."""
        with new_database(self.server, self.template) as url:
            yield url


def _names(case: str) -> Iterator[str]:
    return (f"{case} {number}" for number in count())


@contextmanager
def open_harness(
    *, seed: int, is_quick: bool, server: URL | None = None, template: str | None = None
) -> Iterator[Harness]:
    """Open a harness on this server or on its own; ``template`` names a migrated database to copy."""
    with ExitStack() as until:
        folder = Path(tempfile.mkdtemp(prefix="amocrm-warehouse-faults-"))
        until.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # the server's user has to pass through it
        if server is None:
            own = until.enter_context(server_with_superuser(folder / "postgres", binaries=None))
            server = own.set(database="postgres")
        template = template or until.enter_context(migrated(server))
        url, other = (until.enter_context(new_database(server, template)) for _ in range(2))
        engines = [open_engine(url), open_engine(other)]
        for engine in engines:
            until.callback(engine.dispose)
        yield Harness(
            server=server,
            template=template,
            folder=folder,
            url=url,
            engine=engines[0],
            rebuilt=engines[1],
            poller=until.enter_context(Poller(url, pause=0.1 if is_quick else 0.002)),
            foreign_host=until.enter_context(Emulator()),
            seed=seed,
            is_quick=is_quick,
        )


@contextmanager
def migrated(server: URL) -> Iterator[str]:
    """Create a migrated database without connections, and yield its name."""
    with new_database(server, None) as url:
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        yield str(make_url(url).database)


@contextmanager
def new_database(server: URL, template: str | None) -> Iterator[str]:
    """Create a database, yield its address, and drop it."""
    name = f"faults_{secrets.token_hex(6)}"
    admin = server.set(drivername="postgresql").render_as_string(hide_password=False)
    create = SQL("create database {} template {} strategy file_copy")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(create.format(Identifier(name), Identifier(template or "template0")))
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(SQL("drop database {} with (force)").format(Identifier(name)))
