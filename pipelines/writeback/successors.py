"""Find the current equivalents of past entities: the same id, a recorded successor, or an entity of the same name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Segment, Stage

Successors: TypeAlias = Mapping[tuple[EntityKind, int], int]
"""Id of the entity that replaced a deleted one, by the deleted one's kind and id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreTarget:
    """Current equivalent of a past entity."""

    id: int | None  # None: there is none
    is_name_match: bool = False  # found only by its name
    candidates: tuple[int, ...] = ()  # ids of several entities that could be meant


def find_targets(
    kind: EntityKind, past: Sequence[Stage | Segment], live: Sequence[Stage | Segment], successors: Successors
) -> dict[int, RestoreTarget]:
    """Find the current equivalent of each past entity, by its old id."""
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
    """Return the id if it exists, else the first existing one along its successors."""
    visited: set[int] = set()
    while thing_id not in live_ids:
        visited.add(thing_id)
        successor = successors.get((kind, thing_id))
        if successor is None or successor in visited:
            return None
        thing_id = successor
    return thing_id
