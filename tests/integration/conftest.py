"""The account that tests of loads share."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator
from tests.accounts import Shop


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> Shop:
    return Shop(emulator, engine, tmp_path)
