"""The demo's folder: which simulated account lives there, since when, and that no two programs meddle with it at once.

Only the beginning of the simulation is written down, and the account as somebody's commands have changed it. What it
looks like at any instant follows from these, and how far its history was loaded is what the database says: whoever is
killed at whatever moment leaves nothing to repair.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from commands.place import refuse_foreign
from pipelines.atomic_file import write_file
from pipelines.bounded_file import read_json
from pipelines.errors import DatabaseUnavailable
from pipelines.private_path import make_private, open_log
from pipelines.settings import Settings

Mode: TypeAlias = Literal["segments", "periodicity"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

ACCOUNT_KEY: Final = "demo"


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """All that decides what the simulated account looks like at any instant."""

    seed: int
    started_at: datetime
    mode: Mode


@dataclass(frozen=True, slots=True)
class DemoHome:
    """A folder of its own for each mode, with its own database server and Dagster's data."""

    folder: Path

    @classmethod
    def of_mode(cls, mode: Mode) -> DemoHome:
        """The demo of that mode, whether it was ever run or not.

        Nothing of the user's settings decides where it is but the data folder, as the environment has it.
        """
        data_dir = Path(os.environ.get("AMOCRM_DATA_DIR") or "data").expanduser()
        folder = Path.cwd() / data_dir / "demo" / mode
        refuse_foreign(folder)
        return cls(folder)

    @property
    def settings(self) -> Settings:
        """Settings for all that needs no account."""
        programs = os.environ.get("AMOCRM_PG_BIN")
        return Settings(data_dir=self.folder, pg_bin=Path(programs).expanduser() if programs else None)

    def simulation(self) -> Simulation | None:
        """What is simulated here, or None where nothing is yet."""
        try:
            found = read_json(self._file)
        except FileNotFoundError:
            return None
        return Simulation(
            seed=found["seed"], started_at=datetime.fromisoformat(found["started_at"]), mode=found["mode"]
        )

    def begin(self, simulation: Simulation) -> None:
        """Write down what is simulated from now on, in an empty folder."""
        self.clear()
        make_private(self.folder)
        written = {
            "seed": simulation.seed,
            "started_at": simulation.started_at.isoformat(),
            "mode": simulation.mode,
        }
        write_file(self._file, json.dumps(written).encode())

    def clear(self) -> None:
        """Delete everything. The file goes first: without it, whatever is left counts as nothing."""
        self._file.unlink(missing_ok=True)
        server = self.folder / "postgres"
        if server.is_symlink():  # root's server lives where its own user can reach it
            shutil.rmtree(server.resolve(), ignore_errors=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep away whoever would load or delete the demo's data. Raises ``DatabaseUnavailable`` if one is at it."""
        with open_log(self.folder.with_suffix(".lock")) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseUnavailable(
                    f"The demo's data in {self.folder} are in use by another program.",
                    advice="End the 'demo', 'dev' or 'psql' that is running on them, then try again.",
                ) from None
            yield

    @property
    def dagster_folder(self) -> Path:
        """Dagster's home: its runs and events."""
        return self.folder / "dagster"

    @property
    def world_file(self) -> Path:
        """The simulated account, once somebody has changed it: from then on it is more than its story."""
        return self.folder / "world.json"

    @property
    def begun_at(self) -> float:
        """When the simulation was begun, as a time to compare; 0 where there is none."""
        return self._file.stat().st_mtime if self._file.exists() else 0.0

    @property
    def _file(self) -> Path:
        return self.folder / "simulation.json"
