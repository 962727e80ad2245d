"""Rows of lists: repeated, missing or textual ids, maximum counts, options in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import text

from emulator import effects
from emulator.entities import Json, Mode
from faults.account_under_test import account_under_test
from faults.case import EXACT, HELD, REFUSED, Case, Trial, Verdict
from faults.harness import Harness

LISTS: Final[Mapping[str, Mode]] = {"segments": "segments", "fields": "segments", "stages": "periodicity"}
MOST: Final[Mapping[str, int]] = {"segments": 101, "fields": 31, "stages": 31}
"""One more of each than amoCRM documents."""

Change = Callable[[list[Json]], list[Json]]


@dataclass(kw_only=True)
class Again:
    """Repeat the first row of a list on every later page, perhaps changed."""

    change: Mapping[str, Json]
    first: Json = None

    def __call__(self, rows: list[Json]) -> list[Json]:
        """Append the first row."""
        self.first = self.first or rows[0]
        return rows if rows[0]["id"] == self.first["id"] else [*rows, self.first | self.change]


def without_id(rows: list[Json]) -> list[Json]:
    """Remove the second row's id."""
    return [*rows[:1], *({key: row[key] for key in row if key != "id"} for row in rows[1:2]), *rows[2:]]


def id_as_text(rows: list[Json]) -> list[Json]:
    """Make the second row's id a string."""
    return [*rows[:1], *(row | {"id": str(row["id"])} for row in rows[1:2]), *rows[2:]]


ROWS: Final[Mapping[str, tuple[Callable[[], Change], frozenset[Verdict]]]] = {
    "a row of the first page on each other, identical": (lambda: Again(change={}), HELD),
    "a row of the first page on each other, different": (
        lambda: Again(change={"name": "x"}),
        REFUSED,
    ),
    "an id missing": (lambda: without_id, REFUSED),
    "an id as a text of digits": (lambda: id_as_text, EXACT),
}


def cases() -> Iterator[Case]:
    """Yield each anomaly in each list that can have it."""
    for number, (name, (make, allowed)) in enumerate(ROWS.items()):
        for resource, mode in LISTS.items():
            if "page" in name and resource == "stages":
                continue
            yield Case(
                name=f"{'pages' if 'page' in name else 'values'}: {name}, {resource}",
                wrong=f"Every answer that lists {resource} has {name}.",
                must="What is stored is what amoCRM shows, or as it was before.",
                play=partial(through, resource=resource, mode=mode, make=make),
                allowed=allowed,
                is_quick=resource == ("segments", "fields")[number % 2],
            )
    for resource, most in MOST.items():
        yield Case(
            name=f"values: {most} {resource}",
            wrong=f"The account has more {resource} than amoCRM's page says that there can be: {most}.",
            must="All are stored.",
            play=partial(many, resource=resource, most=most),
            allowed=EXACT,
        )
    yield Case(
        name="values: options of a multiselect in another order",
        wrong="amoCRM shows the chosen options of a multiselect in another order than before.",
        must="Nothing has changed: no version ends.",
        play=reordered,
        allowed=EXACT,
        is_quick=True,
    )


def through(harness: Harness, *, resource: str, mode: Mode, make: Callable[[], Change]) -> Iterator[Trial]:
    """Load while the list is always changed."""
    with account_under_test(harness, mode) as account:
        yield account.load_and_recover(account.fault(effects.items(make()), resource=resource))


def many(harness: Harness, *, resource: str, most: int) -> Iterator[Trial]:
    """Load an account with this many entities."""
    with account_under_test(harness, LISTS[resource]) as account:
        world = account.world
        world.quirks = replace(world.quirks, ignores_limit=False)  # pages of 250, as amoCRM has them
        for number in range(most - len(getattr(world, f"shown_{resource}")(account.id))):
            if resource == "segments":
                world.add_segment(account.id, f"More {number}", size=number)
            elif resource == "fields":
                world.add_field(account.id, f"More {number}", "text")
            else:
                world.add_stage(account.id, f"More {number}")
        if len(getattr(world, f"shown_{resource}")(account.id)) != most:
            raise LookupError(f"there are not {most}")
        yield account.load_and_recover()


def reordered(harness: Harness) -> Iterator[Trial]:
    """Load the same three options in two orders."""
    with account_under_test(harness) as account:
        world, of, chosen = account.world, account.id, account.segments[1]
        options = [world.add_option(of, account.fields[3], label) for label in ("four", "five", "six")]
        world.set_field_value(of, chosen, account.fields[3], options)
        before = account.contents()
        account.judge(account.load(), before)
        values = world.account(of).segments[chosen].values[account.fields[3]]
        world.set_raw_values(of, chosen, account.fields[3], values[::-1])
        before = account.contents()
        trial = account.judge(account.load(), before)
        versions = text("select count(*) from amocrm.segment_version where account_id = :of and segment_id = :id")
        with account.engine.connect() as connection:
            if connection.scalar(versions, {"of": of, "id": chosen}) != 2:  # of the first load, and of the options
                trial = replace(trial, verdict=Verdict.SILENT, why="another order made another version")
        yield account.recover(trial)
