"""What a thing of the past is today: itself, the successor that once took its place, or one that has its name now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Segment, Stage

Successors: TypeAlias = Mapping[tuple[Kind, int], int]
"""By a thing's kind and id the id of the thing that was added in its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a thing of the past is today."""

    id: int | None  # None: it is gone
    is_by_name: bool = False  # it has nothing but its name in common with the thing of the past
    rivals: tuple[int, ...] = ()  # ids of things that could be meant, where nobody can tell which


def find_targets(
    kind: Kind, past: Sequence[Stage | Segment], live: Sequence[Stage | Segment], successors: Successors
) -> dict[int, Target]:
    """What each thing of the past is today, by its old id."""
    live_ids = {thing.id for thing in live}
    known = {thing.id: _today(kind, thing.id, live_ids, successors) for thing in past}
    claimed = set(known.values())
    gone = Counter(thing.name for thing in past if known[thing.id] is None)
    targets = {}
    for thing in past:
        namesakes = tuple(other.id for other in live if other.name == thing.name and other.id not in claimed)
        if known[thing.id] is not None or not namesakes:
            targets[thing.id] = Target(id=known[thing.id])
        elif len(namesakes) > 1 or gone[thing.name] > 1:
            targets[thing.id] = Target(id=None, rivals=namesakes)
        else:
            targets[thing.id] = Target(id=namesakes[0], is_by_name=True)
    return targets


def _today(kind: Kind, thing_id: int, live_ids: Collection[int], successors: Successors) -> int | None:
    """The id itself where it is there, otherwise the nearest successor that is."""
    seen: set[int] = set()
    while thing_id not in live_ids:
        seen.add(thing_id)
        successor = successors.get((kind, thing_id))
        if successor is None or successor in seen:
            return None
        thing_id = successor
    return thing_id
