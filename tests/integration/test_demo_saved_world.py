"""The demo's account between commands: changes stay, and the simulation continues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.demo.home import DemoHome, SimulationConfig
from commands.demo.simulated_account import SimulatedAccount, simulated_account
from pipelines.amocrm.client import AmoClient
from pipelines.base.errors import SettingsError
from pipelines.load.access import endpoint_for

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
NOW = BEGAN + timedelta(days=50, hours=3)
STORY = SimulationConfig(seed=1, started_at=BEGAN, mode="segments")


@pytest.fixture
def home(tmp_path: Path) -> DemoHome:
    home = DemoHome(tmp_path / "segments")
    home.begin(STORY)
    return home


def client(simulated: SimulatedAccount) -> AmoClient:
    way = endpoint_for(simulated.account, simulated.settings)
    return AmoClient(way.base_url, way.token)


def names(home: DemoHome, at: datetime) -> dict[int, str]:
    with simulated_account(home, STORY, at) as simulated, client(simulated) as asking:
        return {segment_id: row["name"] for segment_id, row in asking.fetch_list("segments").rows.items()}


def test_reading_leaves_the_account_what_the_story_makes_it(home: DemoHome) -> None:
    before = names(home, NOW)
    assert not home.saved_world_file.exists()
    assert names(home, BEGAN) != before


def test_what_was_changed_is_there_for_the_next_command(home: DemoHome) -> None:
    before = names(home, NOW)
    gone = min(before)
    with simulated_account(home, STORY, NOW) as simulated, client(simulated) as asking:
        asking.writes.call("DELETE", "segments", gone, None)
        [added] = asking.writes.call("POST", "segments", None, {"name": "By hand"}).ids
    assert names(home, NOW) == {one: name for one, name in before.items() if one != gone} | {added: "By hand"}
    later = names(home, NOW + timedelta(days=30))  # cold brew has come by then, and another id is its own
    assert later[added] == "By hand"
    assert "Cold brew" in later.values()
    assert gone not in later


def test_an_account_that_was_changed_is_never_shown_as_it_was_before(home: DemoHome) -> None:
    with simulated_account(home, STORY, NOW) as simulated, client(simulated) as asking:
        asking.writes.call("POST", "segments", None, {"name": "By hand"})
    with simulated_account(home, STORY, BEGAN) as simulated:
        assert simulated.emulator.clock.now() >= NOW


def test_restarting_the_demo_discards_it(home: DemoHome) -> None:
    with simulated_account(home, STORY, NOW) as simulated, client(simulated) as asking:
        asking.writes.call("POST", "segments", None, {"name": "By hand"})
    home.begin(STORY)
    assert "By hand" not in names(home, NOW).values()


def test_a_foreign_file_is_reported(home: DemoHome) -> None:
    home.saved_world_file.write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match="--fresh"), simulated_account(home, STORY, NOW):
        pass
