"""Folder of a demo: its simulation's parameters, its data, and a lock against concurrent use.

Only the simulation's parameters are stored, and the simulated account if a command has changed it. Its state at any
instant follows from these, and the database tells how far it was loaded. So a killed demo needs no repair.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from commands.current_settings import refuse_foreign
from commands.terminal_language import terminal_language
from pipelines.base.atomic_file import write_file
from pipelines.base.bounded_file import read_json
from pipelines.base.checks import is_integer
from pipelines.base.errors import DatabaseUnavailable, SettingsError
from pipelines.base.private_path import make_private, open_log
from pipelines.config.parsing import parse_path
from pipelines.config.settings import Settings

Mode: TypeAlias = Literal["segments", "periodicity"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

ACCOUNT_KEY: Final = "demo"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulationConfig:
    """Parameters that determine the simulated account at any instant."""

    seed: int
    started_at: datetime
    mode: Mode
    customers: int = 0  # at the start; 0: none, as in demos of earlier versions


@dataclass(frozen=True, slots=True)
class DemoHome:
    """Folder of one mode's demo, with its own database server and Dagster home."""

    folder: Path

    @classmethod
    def of_mode(cls, mode: Mode) -> DemoHome:
        """Return the home of that mode's demo, which may not exist yet. Only AMOCRM_DATA_DIR decides where it is."""
        data_dir = parse_path(os.environ.get("AMOCRM_DATA_DIR") or "data")
        folder = Path.cwd() / data_dir / "demo" / mode
        refuse_foreign(folder)
        return cls(folder)

    @property
    def settings(self) -> Settings:
        """Settings for the demo's database, without an account."""
        programs = os.environ.get("AMOCRM_PG_BIN")
        return Settings(
            data_dir=self.folder,
            pg_bin=parse_path(programs) if programs else None,
            language=terminal_language().code,
        )

    def config(self) -> SimulationConfig | None:
        """Return the simulation's parameters; None if the demo was never run. Raises ``SettingsError``."""
        try:
            found = read_json(self._file)
            started_at = datetime.fromisoformat(found["started_at"]).astimezone(UTC)
            seed, mode, customers = found["seed"], found["mode"], found.get("customers", 0)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, OverflowError):
            seed, mode, customers = None, None, None
        if not is_integer(seed) or mode not in MODES or not is_integer(customers):
            raise SettingsError(
                f"{self._file} cannot be read: it is not what the demo wrote.",
                advice=f"Delete {self.folder} and run './run demo' again.",
            )
        return SimulationConfig(seed=seed, started_at=started_at, mode=mode, customers=customers)

    def require_config(self) -> SimulationConfig:
        """Return the simulation's parameters. Raises ``SettingsError`` if there are none."""
        config = self.config()
        if config is None:
            raise SettingsError("The demo's data were deleted.", advice="Run the demo again.")
        return config

    def begin(self, config: SimulationConfig) -> None:
        """Empty the folder and store the parameters of a new simulation."""
        self.clear()
        make_private(self.folder)
        written = {
            "seed": config.seed,
            "started_at": config.started_at.isoformat(),
            "mode": config.mode,
            "customers": config.customers,
        }
        write_file(self._file, json.dumps(written).encode())

    def mark_latest(self) -> None:
        """Make this the latest demo, which ``--demo`` without a mode means."""
        self._file.touch()

    def clear(self) -> None:
        """Delete everything; the parameters first, without which the rest is ignored."""
        self._file.unlink(missing_ok=True)
        server = self.folder / "postgres"
        if server.is_symlink():  # run by root, the server's data are in a folder that its own user can reach
            shutil.rmtree(server.resolve(), ignore_errors=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    @contextmanager
    def exclusive_lock(self) -> Iterator[None]:
        """Lock the demo's data. Raises ``DatabaseUnavailable`` if another program holds the lock."""
        with open_log(self.folder.with_suffix(".lock")) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseUnavailable(
                    f"The demo's data in {self.folder} are in use by another program.",
                    advice="End the 'demo', 'dev' or 'psql' that uses them, then retry.",
                ) from None
            yield

    @property
    def dagster_folder(self) -> Path:
        """Dagster's home folder."""
        return self.folder / "dagster"

    @property
    def saved_world_file(self) -> Path:
        """File of the simulated account, which exists once a command has changed the account."""
        return self.folder / "world.json"

    @property
    def started_mtime(self) -> float:
        """Modification time of the parameters, to find the latest demo; 0 if there is none."""
        return self._file.stat().st_mtime if self._file.exists() else 0.0

    @property
    def _file(self) -> Path:
        return self.folder / "simulation.json"
