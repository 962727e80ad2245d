"""A real Postgres for tests: one server per session, one database per test.

``AMOCRM_PG_BIN`` names other server programs, ``TEST_DATABASE_URL`` a running server.
Hypothesis repeats its examples; ``--hypothesis-profile=search`` looks for new ones.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Engine

from emulator import Clock, Emulator
from faults.harness import new_database as create_database
from faults.superuser import server_with_superuser
from pipelines.base.errors import WarehouseError
from pipelines.config.database_url import parse_database_url
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.system_user import server_user
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from tests.records import START

if TYPE_CHECKING:
    from alembic.config import Config
    from dagster import DagsterInstance

    from tests.dagster_account import DagsterAccount

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", UNTIMED, max_examples=50, derandomize=True, database=None)
settings.register_profile("search", UNTIMED, max_examples=1_000, print_blob=True)
settings.register_profile("long", UNTIMED, max_examples=100_000, print_blob=True)
settings.load_profile("repeatable")

# A shell script's background jobs ignore Ctrl-C, and so would all processes that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY_BYTES = 4 << 30
"""Free space from which the tests' servers and their folders are kept in memory."""

NewDatabase = Callable[[str | None], AbstractContextManager[str]]


def pytest_report_header() -> str:
    if "TEST_DATABASE_URL" in os.environ:
        return "postgres: the server of TEST_DATABASE_URL"
    try:
        programs = find_binaries(pg_bin(), server_user())
    except WarehouseError as error:
        return f"postgres: none. {error}"
    return f"postgres: {programs.major}, {programs.folder}"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect thousands of tests without Python's garbage collector, which would look at them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pg_bin() -> Path | None:
    """Server programs to test with, or None for the installed ones."""
    return Path(os.environ["AMOCRM_PG_BIN"]) if "AMOCRM_PG_BIN" in os.environ else None


@pytest.fixture(scope="session")
def server_url() -> Iterator[URL]:
    """Address of this session's server, with the right to create databases."""
    if "TEST_DATABASE_URL" in os.environ:
        yield parse_database_url(os.environ["TEST_DATABASE_URL"])
        return
    with shared_temporary_folder() as folder, server_with_superuser(folder / "postgres", binaries=pg_bin()) as url:
        yield url


def memory_folder() -> Path | None:
    """Linux's file system in memory, or None if it is missing, small or without programs, as in containers.

    Copying a database there takes a fifth of the processor time that it takes on a disk.
    """
    folder = Path("/dev/shm")  # noqa: S108  # mkdtemp creates a private folder there
    if "TMPDIR" in os.environ or not folder.is_dir() or not os.access(folder, os.W_OK):
        return None
    system = os.statvfs(folder)
    is_large = system.f_bavail * system.f_frsize > MEMORY_BYTES
    return folder if is_large and not system.f_flag & os.ST_NOEXEC else None


@contextmanager
def shared_temporary_folder() -> Iterator[Path]:
    """Create a folder that the server's user can enter, unlike pytest's own under root. It is in memory if possible."""
    folder = Path(tempfile.mkdtemp(prefix="amocrm-warehouse-test-", dir=memory_folder()))
    folder.chmod(0o711)
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(server_url: URL) -> NewDatabase:
    """Return a context manager that copies a database and drops the copy."""
    return partial(create_database, server_url)


def render_url(url: URL) -> str:
    """Render an address with its password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def migrated_template(new_database: NewDatabase) -> Iterator[str]:
    """Name of a migrated database that is only copied."""
    with new_database(None) as url:
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        name = parse_database_url(url).database
        assert name
        yield name


@pytest.fixture
def postgres_url(new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """Address of a fresh, migrated database."""
    with new_database(migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(new_database: NewDatabase) -> Iterator[str]:
    """Address of an empty database."""
    with new_database(None) as url:
        yield url


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Connections to a fresh, migrated database."""
    engine = open_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def other_engine(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    """Connections to another fresh, migrated database."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def frozen_emulator() -> Iterator[Emulator]:
    """An amoCRM whose clock stands still at ``START`` until a test moves it."""
    with Emulator(clock=Clock(START)) as running:
        yield running


@pytest.fixture
def emulator(frozen_emulator: Emulator) -> Emulator:
    """The emulator of most tests. Tests of programs replace it by ``live_emulator``."""
    return frozen_emulator


@pytest.fixture
def live_emulator() -> Iterator[Emulator]:
    """An amoCRM with the system's time, for programs that read the system's clock."""
    with Emulator() as running:
        yield running


# Importing Dagster takes two seconds, so only its tests do.


@pytest.fixture(scope="session")
def shared_scripts() -> Iterator[None]:
    """Read Dagster's migration scripts once: each opened instance imports all 89 of them twice."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folders: dict[str | None, ScriptDirectory] = {}
    read = ScriptDirectory.from_config

    def read_once(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location")
        if location not in folders:
            folders[location] = read(config)
        return folders[location]

    with patch.object(ScriptDirectory, "from_config", read_once):
        yield


@pytest.fixture(scope="session")
def dagster_home_template(tmp_path_factory: pytest.TempPathFactory, shared_scripts: None) -> Path:
    """Dagster's home as './run dev' creates it, which is only copied."""
    from assets.dagster_home import prepare_home  # noqa: PLC0415

    return prepare_home(tmp_path_factory.mktemp("template") / "dagster")


@pytest.fixture
def dagster_home(dagster_home_template: Path, tmp_path: Path) -> Path:
    """A fresh home of Dagster."""
    return Path(shutil.copytree(dagster_home_template, tmp_path / "dagster"))


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[DagsterInstance]:
    """Dagster's runs and events in a fresh home."""
    from dagster import DagsterInstance  # noqa: PLC0415

    with DagsterInstance.from_config(str(dagster_home)) as instance:
        yield instance


@pytest.fixture
def dagster_account(postgres_url: str, engine: Engine, tmp_path: Path) -> Iterator[DagsterAccount]:
    """An emulated account that Dagster's jobs load."""
    from tests.dagster_account import open_dagster_account  # noqa: PLC0415

    with open_dagster_account(postgres_url, engine, tmp_path) as account:
        yield account
