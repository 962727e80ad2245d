"""Hypothesis strategies for accounts with difficult names and values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from pipelines.amocrm.models import Field, Mode
from tests.records import field, option
from tests.unit.writeback.reference_account import (
    NEW_ENTITY,
    OPTION_TYPES,
    SEGMENT_COLORS,
    STAGE_COLORS,
    TEXT_TYPES,
    Entity,
    ReferenceAccount,
)

TIMEZONES = ("Europe/Moscow", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Africa/Cairo", "Asia/Kathmandu")

odd_texts = st.sampled_from(
    [
        "5",
        "007",
        "null",
        "~",
        "true",
        "no",
        "1e3",
        "12:30",
        "a: b #c",
        "- x",
        "{a}",
        "&x",
        "a\nb",
        " x ",
        "#fffeb2",
        "'",
        '"\\',
    ]
)
texts = st.one_of(odd_texts, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
names = st.one_of(st.sampled_from(["VIP", "Gold", "New"]), texts).filter(str.strip)
prices = st.sets(st.integers(1, 9), max_size=2).map(lambda ids: tuple(sorted(ids)))
custom_colors = st.sampled_from(["#ccff66", "#fd5598", "ffffff", "red"])


@st.composite
def fields(draw: st.DrawFn) -> tuple[Field, ...]:
    """Field definitions with names and labels that repeat or look like ids."""
    types = draw(
        st.lists(
            st.sampled_from([*TEXT_TYPES, *OPTION_TYPES, "numeric", "checkbox", "date", "date_time", "payer"]),
            max_size=6,
        )
    )
    definitions = []
    for position, kind in enumerate(types, 1):
        labels = draw(st.lists(names, min_size=1, max_size=3)) if kind in OPTION_TYPES else []
        options = [option(position * 10 + at, value=label) for at, label in enumerate(labels)]
        code = draw(st.sampled_from([None, "CODE", "OTHER", "1"]))
        definitions.append(field(position, *options, name=draw(names), code=code, type=kind))
    return tuple(definitions)


def field_contents(definition: Field) -> st.SearchStrategy[Any]:
    """Possible contents of a field."""
    ids = [one.id for one in definition.options]
    choices: dict[str | None, Callable[[], st.SearchStrategy[Any]]] = {
        "multiselect": lambda: st.frozensets(st.sampled_from(ids), min_size=1),
        "select": lambda: st.sampled_from(ids),
        "radiobutton": lambda: st.sampled_from(ids),
        "numeric": lambda: st.decimals(-(10**20), 10**20, places=3),
        "checkbox": lambda: st.just(value=True),
        "date": lambda: st.dates(date(1990, 1, 1), date(2090, 1, 1)),
        "date_time": lambda: st.integers(-(10**9), 4 * 10**9).map(lambda at: datetime.fromtimestamp(at, UTC)),
        "payer": lambda: st.just({"name": "Acme"}),
    }
    return choices.get(definition.type, lambda: texts)()


@st.composite
def values(draw: st.DrawFn, definitions: tuple[Field, ...], *, is_live: bool) -> dict[int, Any]:
    """Contents of some fields; as desired state, None empties a field, and only expressible contents occur."""
    chosen: dict[int, Any] = {}
    for definition in definitions:
        if draw(st.booleans()):
            contents = field_contents(definition)
            chosen[definition.id] = draw(
                contents if is_live else st.none() if definition.type == "payer" else contents | st.none()
            )
    return chosen


@st.composite
def accounts(draw: st.DrawFn, *, is_crowded: bool = False) -> ReferenceAccount:
    """An account of either mode; a crowded one is near the documented limits."""
    modes: tuple[Mode, ...] = ("periodicity", "segments")
    mode = draw(st.sampled_from(modes))
    definitions = draw(fields()) if mode == "segments" else ()
    is_stages = mode == "periodicity"
    palette = STAGE_COLORS if is_stages else SEGMENT_COLORS
    entities: dict[int, Entity] = {}
    for thing_id in draw(st.lists(st.integers(1, 60), unique=True, max_size=4)):
        entities[thing_id] = {
            "name": draw(names),
            "color": draw(st.sampled_from(palette) | custom_colors),
            "sort": draw(st.integers(-5, 5)) if is_stages else 0,
            "is_default": is_stages and draw(st.booleans()),
            "prices": () if is_stages else draw(prices),
            "values": draw(values(definitions, is_live=True)),
        }
    limit = 30 if is_stages else 100
    extra_count = draw(st.integers(limit - 6, limit + 1)) if is_crowded else 0
    for thing_id in range(1000, 1000 + extra_count):
        entities[thing_id] = NEW_ENTITY | {"name": f"one of many {thing_id}", "color": palette[0], "values": {}}
    return ReferenceAccount(mode, entities, definitions, draw(st.sampled_from(TIMEZONES)))
