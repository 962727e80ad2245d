"""The emulated accounts that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import Emulator
from faults.oauth_account import OAuthAccount, new_oauth_account
from tests.integration.client.client_account import ClientAccount


@pytest.fixture
def account(emulator: Emulator) -> ClientAccount:
    """The account."""
    world = emulator.world
    account_id = world.add_account("Corner Coffee")
    segment_ids = [world.add_segment(account_id, f"Segment {number}", size=number) for number in range(7)]
    field_id = world.add_field(account_id, "Taste", "select", options=["Sweet", "Bitter"])
    world.add_field(account_id, "Note", "text")
    option_ids = list(world.account(account_id).fields[field_id].options)
    world.set_field_value(account_id, segment_ids[0], field_id, option_ids[0])
    return ClientAccount(
        emulator=emulator, account_id=account_id, segment_ids=segment_ids, field_id=field_id, option_ids=option_ids
    )


@pytest.fixture
def oauth_account(emulator: Emulator, tmp_path: Path) -> OAuthAccount:
    """An account that is to be reached by OAuth."""
    return new_oauth_account(emulator, tmp_path)
