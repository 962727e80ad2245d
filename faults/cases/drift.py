"""An account that changes during a load: rows move between pages, and modes are switched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from emulator import effects
from emulator.world import World
from faults.account_under_test import AccountUnderTest, Shown, account_under_test
from faults.case import Case, Trial
from faults.harness import Harness

Change = Callable[[AccountUnderTest, World], object]

CHANGES: Final[Mapping[str, Change]] = {
    "a segment inserted at the beginning": lambda a, world: world.add_segment(a.id, "Inserted", place=0),
    "a segment inserted at the end": lambda a, world: world.add_segment(a.id, "Inserted", place=99),
    "the first segment deleted": lambda a, world: world.delete_segment(a.id, _first(a)),
    "the last segment deleted": lambda a, world: world.delete_segment(a.id, a.segments[6]),
    "a segment renamed": lambda a, world: world.rename_segment(a.id, a.segments[4], "Moved"),
    "a size changed": lambda a, world: world.set_size(a.id, a.segments[6], 12_345),
    "a field added": lambda a, world: world.add_field(a.id, "Added", "text"),
    "a field deleted": lambda a, world: world.delete_field(a.id, a.fields[0]),
    "the mode switched off": lambda a, world: world.switch_mode(a.id, "disabled"),
    "the mode switched to stages": lambda a, world: world.switch_mode(a.id, "periodicity"),
}

MOMENTS: Final = 16
"""Number of requests before which the account changes."""


def cases() -> Iterator[Case]:
    """Yield each change."""
    for number, (name, change) in enumerate(CHANGES.items()):
        yield Case(
            name=f"drift: {name} between two requests",
            wrong=f"Before each of a load's requests in turn: {name}.",
            must="What is stored is what amoCRM showed before or after it, never a mixture.",
            play=partial(changed, name=name, change=change),
            is_quick=number % 3 == 0,
            seconds=600,
        )
    yield Case(
        name="drift: a segment inserted before every request",
        wrong="A segment comes at the beginning of the list before every single request.",
        must="The load is refused, or what is stored was shown.",
        play=restless,
        is_quick=True,
    )


def _first(account: AccountUnderTest) -> int:
    shown = account.world.shown_segments(account.id)
    found: int = shown[0]["id"]
    return found


def changed(harness: Harness, *, name: str, change: Change) -> Iterator[Trial]:
    """Load once per request, with the change before that request."""
    for moment in harness.sample(name, MOMENTS, 2):
        with account_under_test(harness) as account:
            before, right = account.contents(), [account.shown()]

            def happen(world: World, account: AccountUnderTest = account, right: list[Shown] = right) -> None:
                change(account, world)
                right.append(account.shown())

            with account.emulator.faults.during(effects.before_response(happen), nth=moment + 1, times=1):
                loaded = account.load()
            yield account.recover(account.judge(loaded, before, *right, *_crossed(right)))


def _crossed(right: list[Shown]) -> list[Shown]:
    """Combine segments before a change with fields after it: lists are read one after another."""
    return [Shown(segments=one.segments, fields=other.fields, stages=()) for one in right for other in right]


def restless(harness: Harness) -> Iterator[Trial]:
    """Load an account that changes before every request."""
    with account_under_test(harness) as account:
        before, right = account.contents(), [account.shown()]

        def happen(world: World) -> None:
            world.add_segment(account.id, "Inserted", place=0)
            right.append(account.shown())

        with account.emulator.faults.during(effects.before_response(happen), resource="segments"):
            loaded = account.load()
        yield account.recover(account.judge(loaded, before, *right))
