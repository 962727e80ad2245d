"""Match desired entities with the account's: by id first, then by name among the entities that no id claims."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeVar

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Segment, Stage
from pipelines.writeback.desired import DesiredEntity, DesiredSegment, DesiredStage
from pipelines.writeback.problems import Problems

DesiredT = TypeVar("DesiredT", DesiredStage, DesiredSegment)
LiveT = TypeVar("LiveT", Stage, Segment)


def match_entities(
    kind: EntityKind, desired: Sequence[DesiredT], live: Sequence[LiveT], problems: Problems
) -> list[tuple[DesiredT, LiveT | None]]:
    """Pair each desired entity with the live one; None if there is none.

    Ambiguous and unknown entities are added to ``problems``, and stay in the result so that further
    problems are found.
    """
    by_id = {live_entity.id: live_entity for live_entity in live}
    _report_duplicates(kind, desired, problems)
    claimed = {entity.id for entity in desired}
    by_name: dict[str | None, list[LiveT]] = defaultdict(list)
    for live_entity in live:
        if live_entity.id not in claimed:
            by_name[live_entity.name].append(live_entity)
    pairs: list[tuple[DesiredT, LiveT | None]] = []
    for entity in desired:
        if entity.id is not None:
            pairs.append((entity, by_id.get(entity.id)))
            if entity.id not in by_id and not entity.is_deleted:
                problems.add(_unknown_id_problem(kind, entity), line=entity.line)
        elif entity.name is None:
            problems.add(f"a {kind} without a name and without an id: give it one of them", line=entity.line)
        else:
            namesakes = [] if entity.replaces else by_name[entity.name]
            pairs.append((entity, namesakes[0] if namesakes else None))
            if len(namesakes) > 1:
                ids = " or ".join(f"id: {live_entity.id}" for live_entity in namesakes)
                problems.add(
                    f"{kind} '{entity.name}': the account has {len(namesakes)} of this name; add {ids}",
                    line=entity.line,
                )
    return pairs


def _report_duplicates(kind: EntityKind, desired: Sequence[DesiredEntity], problems: Problems) -> None:
    """Report ids and names that the desired state lists more than once."""
    ids = Counter(entity.id for entity in desired if entity.id is not None)
    names = Counter(
        entity.name for entity in desired if entity.id is None and entity.name is not None and not entity.replaces
    )
    for entity in desired:
        if entity.id is not None and ids[entity.id] > 1:
            problems.add(f"{kind} id {entity.id} is written {ids[entity.id]} times: keep one", line=entity.line)
        if entity.id is None and entity.name is not None and names[entity.name] > 1:
            problems.add(
                f"{kind} '{entity.name}' is written {names[entity.name]} times: keep one, or add ids",
                line=entity.line,
            )


def _unknown_id_problem(kind: EntityKind, entity: DesiredEntity) -> str:
    remedy = "remove the id to have it added, with a new id" if entity.name is not None else "correct the id"
    return f"{kind} {entity.label}: the account has no {kind} with the id {entity.id}; {remedy}"
