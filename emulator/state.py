"""A world and its story in a file, so that they outlive their process."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from emulator.clock import Clock
from emulator.story import Story
from emulator.world import World

FORMAT = 1


class StateError(Exception):
    """The file is not a state that this emulator can go on from."""


def save(path: Path, world: World, story: Story | None) -> None:
    """Write everything to ``path``, whole or not at all."""
    with world.lock:
        state = {
            "format": FORMAT,
            "now": world.now().isoformat(),
            "world": world.to_json(),
            "story": story and story.to_json(),
        }
    text = json.dumps(state, indent=1)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def load(path: Path, clock: Clock | None = None) -> tuple[World, Story | None]:
    """What ``save`` wrote. The world's clock is ``clock``, or one that stands at the instant of the state.

    FileNotFoundError where there is no file, StateError where it is something else.
    """
    text = path.read_text(encoding="utf-8")
    try:
        state = json.loads(text)
        if state["format"] != FORMAT:
            raise StateError(f"{path} has format {state['format']}, and this emulator knows {FORMAT}")
        world = World.from_json(state["world"], clock=clock or Clock(datetime.fromisoformat(state["now"])))
        return world, Story.from_json(state["story"]) if state["story"] else None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} is not a state of the emulator: {error}") from error
