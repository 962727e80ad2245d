"""An emulator with one account, and a client of it."""

from collections.abc import Iterator

import pytest

from emulator import Emulator
from tests.integration.emulator.raw_client import Client


@pytest.fixture
def account_id(emulator: Emulator) -> int:
    account_id = emulator.world.add_account()
    for number in range(7):
        emulator.world.add_segment(account_id, f"Сегмент {number}", size=number)
    return account_id


@pytest.fixture
def client(emulator: Emulator, account_id: int) -> Iterator[Client]:
    client = Client(emulator, account_id)
    yield client
    client.connection.close()
