"""What a thing of the past is today: itself, the successor that once took its place, or one that has its name now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Segment, Stage

Successors: TypeAlias = Mapping[tuple[EntityKind, int], int]
"""By a thing's kind and id the id of the thing that was added in its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreTarget:
    """What a thing of the past is today."""

    id: int | None  # None: it is gone
    is_name_match: bool = False  # it has nothing but its name in common with the thing of the past
    candidates: tuple[int, ...] = ()  # ids of things that could be meant, where nobody can tell which


def find_targets(
    kind: EntityKind, past: Sequence[Stage | Segment], live: Sequence[Stage | Segment], successors: Successors
) -> dict[int, RestoreTarget]:
    """What each thing of the past is today, by its old id."""
    live_ids = {entity.id for entity in live}
    current_ids = {entity.id: _current_id(kind, entity.id, live_ids, successors) for entity in past}
    claimed = set(current_ids.values())
    gone_names = Counter(entity.name for entity in past if current_ids[entity.id] is None)
    targets = {}
    for entity in past:
        namesakes = tuple(
            live_entity.id for live_entity in live if live_entity.name == entity.name and live_entity.id not in claimed
        )
        if current_ids[entity.id] is not None or not namesakes:
            targets[entity.id] = RestoreTarget(id=current_ids[entity.id])
        elif len(namesakes) > 1 or gone_names[entity.name] > 1:
            targets[entity.id] = RestoreTarget(id=None, candidates=namesakes)
        else:
            targets[entity.id] = RestoreTarget(id=namesakes[0], is_name_match=True)
    return targets


def _current_id(kind: EntityKind, thing_id: int, live_ids: Collection[int], successors: Successors) -> int | None:
    """The id itself where it is there, otherwise the nearest successor that is."""
    visited: set[int] = set()
    while thing_id not in live_ids:
        visited.add(thing_id)
        successor = successors.get((kind, thing_id))
        if successor is None or successor in visited:
            return None
        thing_id = successor
    return thing_id
