"""Programs read the system's clock, so the emulator does too."""

import pytest

from emulator import Emulator


@pytest.fixture
def emulator(live_emulator: Emulator) -> Emulator:
    return live_emulator
