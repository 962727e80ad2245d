"""Which things of the account are meant: ids first, then names among the things that no id has claimed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeVar

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Segment, Stage
from pipelines.manage.desired import DesiredSegment, DesiredStage, DesiredThing
from pipelines.manage.mistakes import Mistakes

Wanted = TypeVar("Wanted", DesiredStage, DesiredSegment)
Live = TypeVar("Live", Stage, Segment)


def identify(
    kind: Kind, wanted: Sequence[Wanted], live: Sequence[Live], mistakes: Mistakes
) -> list[tuple[Wanted, Live | None]]:
    """Each wanted thing with the live one that is meant; None where there is none.

    What is ambiguous or not there is a mistake, and stays among the rest, whose mistakes are to be found as well.
    """
    by_id = {thing.id: thing for thing in live}
    _note_twice(kind, wanted, mistakes)
    claimed = {one.id for one in wanted}
    by_name: dict[str | None, list[Live]] = defaultdict(list)
    for thing in live:
        if thing.id not in claimed:
            by_name[thing.name].append(thing)
    found: list[tuple[Wanted, Live | None]] = []
    for one in wanted:
        if one.id is not None:
            found.append((one, by_id.get(one.id)))
            if one.id not in by_id and not one.is_deleted:
                mistakes.add(_no_such_id(kind, one), line=one.line)
        elif one.name is None:
            mistakes.add(f"a {kind} without a name and without an id: give it one of them", line=one.line)
        else:
            same = [] if one.replaces else by_name[one.name]
            found.append((one, same[0] if same else None))
            if len(same) > 1:
                ids = " or ".join(f"id: {thing.id}" for thing in same)
                mistakes.add(f"{kind} '{one.name}': the account has {len(same)} of this name; add {ids}", line=one.line)
    return found


def _note_twice(kind: Kind, wanted: Sequence[DesiredThing], mistakes: Mistakes) -> None:
    ids = Counter(one.id for one in wanted if one.id is not None)
    names = Counter(one.name for one in wanted if one.id is None and one.name is not None and not one.replaces)
    for one in wanted:
        if one.id is not None and ids[one.id] > 1:
            mistakes.add(f"{kind} id {one.id} is written {ids[one.id]} times: keep one", line=one.line)
        if one.id is None and one.name is not None and names[one.name] > 1:
            mistakes.add(
                f"{kind} '{one.name}' is written {names[one.name]} times: keep one, or add ids",
                line=one.line,
            )


def _no_such_id(kind: Kind, one: DesiredThing) -> str:
    remedy = "remove the id to have it added, with a new id" if one.name is not None else "correct the id"
    return f"{kind} {one.shown}: the account has no {kind} with the id {one.id}; {remedy}"
