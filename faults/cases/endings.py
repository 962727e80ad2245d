"""Closed versions: only an entity that amoCRM confirms as deleted may close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import text

from emulator import effects
from emulator.faults import Effect
from faults.account_under_test import AccountUnderTest, account_under_test
from faults.case import EXACT, REFUSED, Case, Trial, Verdict
from faults.harness import Harness

Step = Callable[[AccountUnderTest], object]

KEYS: Final = {"segment": "segments", "stage": "stages", "field": "fields"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """Changes of one entity from load to load, and how its versions must end."""

    steps: tuple[Step, ...]
    endings: tuple[str | None, ...]
    thing: str = "segment"
    mode: str = "segments"


def _of(account: AccountUnderTest, thing: str) -> int:
    return {"segment": account.segments, "stage": account.stages, "field": account.fields}[thing][1]


def rename(name: str, thing: str = "segment") -> Step:
    """Rename the entity."""
    return lambda account: getattr(account.world, f"rename_{thing}")(account.id, _of(account, thing), name)


def delete(thing: str = "segment") -> Step:
    """Delete the entity."""
    return lambda account: getattr(account.world, f"delete_{thing}")(account.id, _of(account, thing))


def bring_back(thing: str = "segment") -> Step:
    """Restore the entity under the same id."""
    return lambda account: getattr(account.world, f"restore_{thing}")(account.id, _of(account, thing))


def switch(mode: str) -> Step:
    """Switch the account's mode."""
    return lambda account: account.world.switch_mode(account.id, mode)  # type: ignore[arg-type]


def nothing(_: AccountUnderTest) -> None:
    """Change nothing."""


SCENARIOS: Final[dict[str, Scenario]] = {
    "a segment deleted": Scenario(steps=(delete(),), endings=("deleted",)),
    "a field deleted": Scenario(steps=(delete("field"),), endings=("deleted",), thing="field"),
    "a stage deleted": Scenario(steps=(delete("stage"),), endings=("deleted",), thing="stage", mode="periodicity"),
    "a segment deleted and made again": Scenario(steps=(delete(), bring_back()), endings=("deleted", None)),
    "a field deleted and made again": Scenario(
        steps=(delete("field"), bring_back("field")), endings=("deleted", None), thing="field"
    ),
    "deleted and made again between two loads": Scenario(
        steps=(lambda account: (delete()(account), bring_back()(account)),), endings=(None,)
    ),
    "A, B, A": Scenario(steps=(rename("B"), rename("Segment 1")), endings=("changed", "changed", None)),
    "nothing": Scenario(steps=(nothing, nothing), endings=(None,)),
    "the mode switched off and on": Scenario(
        steps=(switch("disabled"), switch("segments")), endings=("mode_off", None)
    ),
    "the mode switched to stages and back": Scenario(
        steps=(switch("periodicity"), switch("segments")), endings=("mode_off", None)
    ),
    "the mode under its old name": Scenario(steps=(switch("dynamic"),), endings=(None,)),
    "stages switched off and on": Scenario(
        steps=(switch("unavailable"), switch("periodicity")),
        endings=("mode_off", None),
        thing="stage",
        mode="periodicity",
    ),
    "deleted while the mode was off": Scenario(
        steps=(switch("disabled"), delete(), switch("segments")), endings=("mode_off",)
    ),
}

LIES: Final[dict[str, Callable[[], Effect]]] = {
    "204": effects.no_content,
    "an empty list": partial(effects.items, lambda _: []),
    "half a list": partial(effects.items, lambda rows: rows[: len(rows) // 2]),
    "404": partial(effects.error, 404),
    "422": partial(effects.error, 422, "Customers disabled"),
}


def cases() -> Iterator[Case]:
    """Yield each scenario, and each false empty response."""
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        yield Case(
            name=f"endings: {name}",
            wrong=f"From load to load: {name}.",
            must=f"Its versions end so: {', '.join(one or 'open' for one in scenario.endings)}.",
            play=partial(play_scenario, scenario=scenario),
            allowed=EXACT,
            is_quick=number % 2 == 1 or "mode_off" in scenario.endings,
        )
    for mode, lists in (("segments", ("segments", "fields")), ("periodicity", ("stages",))):
        for name, make in LIES.items():
            yield Case(
                name=f"endings: {name} for every list, {mode}",
                wrong=f"Every list answers {name}, for ten loads.",
                must="Nothing ends.",
                play=partial(load_false_lists, lists=lists, mode=mode, make=make),
                allowed=REFUSED,
                is_quick=name == "204",
            )


def play_scenario(harness: Harness, *, scenario: Scenario) -> Iterator[Trial]:
    """Load after each step of the scenario."""
    with account_under_test(harness, scenario.mode) as account:  # type: ignore[arg-type]
        for step in (nothing, *scenario.steps):
            step(account)
            before = account.contents()
            trial = account.judge(account.load(), before)
            if trial.verdict is not Verdict.EXACT:
                break
        found = endings(account, scenario.thing, _of(account, scenario.thing))
        if trial.verdict is Verdict.EXACT and found[-len(scenario.endings) :] != list(scenario.endings):
            trial = replace(trial, verdict=Verdict.SILENT, why=f"its versions end {found}")
        yield account.recover(trial)


def endings(account: AccountUnderTest, thing: str, thing_id: int) -> list[str | None]:
    """End reasons of an entity's versions, oldest first; None if open."""
    with account.engine.connect() as connection:
        return list(
            connection.scalars(
                text(
                    f"select end_reason from amocrm.{thing}_version"
                    f" where account_id = :account and {thing}_id = :thing order by valid_from"
                ),
                {"account": account.id, "thing": thing_id},
            )
        )


def load_false_lists(
    harness: Harness, *, lists: tuple[str, ...], mode: str, make: Callable[[], Effect]
) -> Iterator[Trial]:
    """Load repeatedly from an account that claims to have nothing."""
    with account_under_test(harness, mode) as account:  # type: ignore[arg-type]
        for _ in range(3 if harness.is_quick else 10):
            before = account.contents()
            faults = [account.emulator.faults.add(make(), resource=resource) for resource in lists]
            trial = account.judge(account.load(), before)
            for fault in faults:
                account.emulator.faults.remove(fault)
            if trial.verdict is not Verdict.REFUSED:
                break
        yield account.recover(trial)
