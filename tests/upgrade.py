"""The warehouse as the schema first landed, migrations 0001 to 0008, with a history in it that was loaded then."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from emulator.story import Story
from emulator.things import Mode
from pipelines.clock import Clock
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings

DUMP: Final = Path(__file__).parent / "payloads" / "warehouse_0008.sql.gz"
BEGUN: Final = datetime(2026, 5, 1, 6, tzinfo=UTC)
"""When the two simulated accounts of the dump began: see tests/payloads/README.md."""

LAST_LOAD: Final = BEGUN + timedelta(hours=14 * 32)
STORIES: Final[dict[str, tuple[int, Mode]]] = {"coffee": (3, "segments"), "tea": (4, "periodicity")}


def restore(url: str) -> None:
    """Bring the old warehouse into the empty database at ``url``."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(gzip.decompress(DUMP.read_bytes()))


class OldCompanies:
    """The accounts of the dump as amoCRM shows them some time after its last load."""

    def __init__(self, emulator: Emulator, url: str, root: Path) -> None:
        """Tell their stories anew, which are the same for the same seeds."""
        self.emulator = emulator
        self.stories = {key: Story(seed, BEGUN, mode) for key, (seed, mode) in STORIES.items()}
        for story in self.stories.values():
            story.advance(emulator.world, BEGUN)
        self.clock = Clock(now=emulator.clock.now, sleep=lambda seconds: self.wait(timedelta(seconds=seconds)))
        self.settings = Settings(
            accounts=tuple(
                AccountSettings(
                    key=key, base_url=emulator.url, token=Secret(emulator.long_lived_token(story.account_id))
                )
                for key, story in self.stories.items()
            ),
            data_dir=root,
            database_url=Secret(url),
            requests_per_second=10_000.0,
        )
        self.wait(LAST_LOAD + timedelta(hours=1) - emulator.clock.now())

    def wait(self, time: timedelta) -> None:
        """Let the accounts live on."""
        self.emulator.clock.advance(time)
        for story in self.stories.values():
            story.advance(self.emulator.world, self.emulator.clock.now())


@contextmanager
def old_companies(url: str, root: Path) -> Iterator[OldCompanies]:
    """The accounts, their emulator running."""
    with Emulator(clock=EmulatorClock(BEGUN)) as emulator:
        yield OldCompanies(emulator, url, root)
