"""The account that tests of loads share."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from emulator import Emulator
from pipelines.embedded_postgres.server import embedded_postgres
from tests.accounts import Shop
from tests.conftest import NewDatabase, pg_bin, shared_temporary_folder
from tests.hidden_account import create_hidden_account


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> Shop:
    return Shop(emulator, engine, tmp_path)


@pytest.fixture(scope="session")
def created_cluster() -> Iterator[Path]:
    """A folder with a cluster, which is only copied."""
    with shared_temporary_folder() as folder:
        with embedded_postgres(folder / "postgres", binaries=pg_bin(), is_durable=False):
            pass
        yield folder / "postgres"


@pytest.fixture
def root(created_cluster: Path) -> Iterator[Path]:
    """Folder of an embedded server that does not run, with a cluster."""
    with shared_temporary_folder() as folder:
        subprocess.run(["cp", "-a", created_cluster, folder / "postgres"], check=True)
        yield folder / "postgres"


@pytest.fixture(scope="module")
def hidden_account(new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """Name of a database with a reader's account and one whose values are its own. It is only copied."""
    with new_database(migrated_template) as url:
        create_hidden_account(url)
        yield str(make_url(url).database)


@pytest.fixture
def hidden_account_url(new_database: NewDatabase, hidden_account: str) -> Iterator[str]:
    """Address of a fresh copy of it."""
    with new_database(hidden_account) as url:
        yield url
