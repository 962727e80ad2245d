"""Random wants of an account, with what must come of them: strategies for hypothesis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipelines.amocrm.records import Field
from pipelines.manage.desired import Desired, DesiredSegment, DesiredStage, DesiredValue
from pipelines.manage.nodes import Items, Text
from tests.unit.manage.page import SEGMENT_COLORS, STAGE_COLORS, PageAccount
from tests.unit.manage.worlds import names, prices, values


@dataclass
class Wish:
    """What is wanted of one thing, in plain values: properties as in ``Thing``; None: it is to be deleted."""

    thing_id: int | None  # None: it is new
    wanted: dict[str, Any] | None


@dataclass
class Wishes:
    """What is wanted of an account, as a file says it and as plain values."""

    desired: Desired
    each: list[Wish]
    is_complete: bool


@st.composite
def wishes(draw: st.DrawFn, account: PageAccount, *, most_new: int = 2) -> Wishes:
    """Wants of some of an account's things, and of new ones."""
    each = []
    for thing_id in draw(st.permutations(sorted(account.things)[:6])):
        match draw(st.sampled_from(["leave", "change", "delete"])):
            case "change":
                each.append(Wish(thing_id, draw(_wanted(account, is_new=False))))
            case "delete" if not account.things[thing_id]["is_default"]:
                each.append(Wish(thing_id, None))
    taken = {thing["name"] for thing in account.things.values()}
    new_names = draw(st.lists(names.filter(lambda name: name not in taken), unique=True, max_size=most_new))
    each += [Wish(None, draw(_wanted(account, is_new=True)) | {"name": name}) for name in new_names]
    is_complete = draw(st.booleans())
    kind = "stage" if account.mode == "periodicity" else "segment"
    things = tuple(_as_desired(draw, account, wish) for wish in each)
    lists: dict[str, Any] = {f"{kind}s": things, "complete": frozenset([kind] if is_complete else [])}
    return Wishes(Desired(source="segments.yaml", **lists), each, is_complete)


@st.composite
def _wanted(draw: st.DrawFn, account: PageAccount, *, is_new: bool) -> dict[str, Any]:
    is_stage = account.mode == "periodicity"
    every: dict[str, st.SearchStrategy[Any]] = {
        "name": names,
        "color": st.sampled_from(STAGE_COLORS if is_stage else SEGMENT_COLORS),
    }
    if is_stage:
        every["sort"] = st.integers(-5, 5)
    else:
        every["prices"] = prices
        every["values"] = values(account.fields, is_live=False)
    needed = {"name", "sort"} if is_new else set()
    return {name: draw(what) for name, what in every.items() if name in needed or draw(st.booleans())}


def _as_desired(draw: st.DrawFn, account: PageAccount, wish: Wish) -> Any:
    """A want as a file says it: of a thing by its id, or by its name where that alone is enough."""
    live = account.things.get(wish.thing_id or 0)
    wanted = dict(wish.wanted or {})
    namesakes = Counter(thing["name"] for thing in account.things.values())
    keeps_its_name = live and wanted.get("name", live["name"]) == live["name"]
    is_by_name = live and keeps_its_name and namesakes[live["name"]] == 1 and draw(st.booleans())
    name = live["name"] if live and is_by_name else wanted.get("name")
    common: dict[str, Any] = {
        "id": None if is_by_name else wish.thing_id,
        "name": name,
        "color": wanted.get("color"),
        "is_deleted": wish.wanted is None,
    }
    if account.mode == "periodicity":
        return DesiredStage(sort=wanted.get("sort"), **common)
    zone = ZoneInfo(account.timezone)
    by_id = {one.id: one for one in account.fields}
    said = tuple(
        DesiredValue(field=_called(draw, account.fields, by_id[at]), value=_said(draw, by_id[at], value, zone))
        for at, value in wanted.get("values", {}).items()
    )
    return DesiredSegment(price_field_ids=wanted.get("prices"), values=said, **common)


def _called(draw: st.DrawFn, among: tuple[Any, ...], one: Any) -> Text:
    """A field or an option by its id, or by a name or code that is its alone."""
    label = "name" if isinstance(one, Field) else "value"
    labels = Counter(getattr(other, label) for other in among)
    codes = Counter(getattr(other, "code", None) for other in among)
    name, code = getattr(one, label), getattr(one, "code", None)
    ways = [Text(text=str(one.id))]
    if labels[name] == 1:
        ways.append(Text(text=name, is_quoted=True))
    if code and codes[code] == 1 and not labels[code]:
        ways.append(Text(text=code, is_quoted=True))
    return draw(st.sampled_from(ways))


def _said(draw: st.DrawFn, definition: Field, value: Any, zone: ZoneInfo) -> Text | Items:
    """What a field shall hold, in one of the ways in which a person may write it."""
    options = {one.id: one for one in definition.options}
    if isinstance(value, frozenset):
        return Items(items=tuple(_called(draw, definition.options, options[one]) for one in sorted(value)))
    if isinstance(value, int) and not isinstance(value, bool):
        return _called(draw, definition.options, options[value])
    text = draw(st.sampled_from(_ways(definition, value, zone)))
    return Text(text=text, is_quoted=isinstance(value, str))


def _ways(definition: Field, value: Any, zone: ZoneInfo) -> list[str]:
    match value:
        case None:
            return ["null", "", "~", *(["false"] if definition.type == "checkbox" else [])]
        case bool():
            return ["true"]
        case Decimal():
            return [f"{value:f}", f"{value:f}0"]
        case datetime():
            zones = (zone, UTC, timezone(timedelta(hours=-9, minutes=-30)), ZoneInfo("Asia/Tokyo"))
            return [value.astimezone(one).isoformat() for one in zones]
        case _:
            return [str(value)]
