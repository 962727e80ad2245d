"""State file with a world and its simulations."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from emulator.clock import Clock
from emulator.simulation import Simulation
from emulator.world import World

FORMAT_VERSION = 1
MODE = 0o600
"""Mode of the file, which holds the secret that signs tokens."""


class StateError(Exception):
    """The file is not a valid state."""


def save(path: Path, world: World, simulations: Sequence[Simulation]) -> None:
    """Write the state to ``path`` atomically, readable only by its owner."""
    with world.lock:
        state = {
            "format": FORMAT_VERSION,
            "now": world.now().isoformat(),
            "world": world.to_json(),
            "stories": [one.to_json() for one in simulations],
        }
    text = json.dumps(state)
    with suppress(FileNotFoundError, StateError):
        if _read(path, is_private=True) == text:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), MODE)
            stream.write(text)
        unfinished.replace(path)  # replaces a link instead of following it
    finally:
        unfinished.unlink(missing_ok=True)


def _read(path: Path, *, is_private: bool = False) -> str:
    """Read a regular file. Raises ``StateError`` for a link or pipe, and if ``is_private`` and others can read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise StateError(f"{path} cannot be read: {reason}") from None
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise StateError(f"{path} is no ordinary file")
        if is_private and stat.S_IMODE(about.st_mode) != MODE:
            raise StateError(f"{path} can be read by others")
        try:
            return stream.read()
        except UnicodeDecodeError as error:
            raise StateError(f"{path} is not a state of the emulator: {error}") from None


def load(path: Path, clock: Clock | None = None) -> tuple[World, list[Simulation]]:
    """Load a state. The world's clock is ``clock``, or one that is frozen at the state's instant.

    Raises ``FileNotFoundError`` if there is no file, and ``StateError`` if it is invalid.
    """
    text = _read(path)
    try:
        state = json.loads(text)
        if state["format"] != FORMAT_VERSION:
            raise StateError(f"{path} has format {state['format']}, but this emulator reads {FORMAT_VERSION}")
        world = World.from_json(state["world"], clock=clock or Clock(datetime.fromisoformat(state["now"])))
        stories = state["stories"] if "stories" in state else [state["story"]]  # of older versions
        return world, [Simulation.from_json(one) for one in stories if one]
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} is not a state of the emulator: {error}") from error
