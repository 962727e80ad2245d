"""Hypothesis strategies for desired states and their expected result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipelines.amocrm.models import Field
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage, DesiredValue
from pipelines.writeback.yaml_nodes import YamlList, YamlText
from tests.unit.writeback.random_account_strategies import names, prices, values
from tests.unit.writeback.reference_account import SEGMENT_COLORS, STAGE_COLORS, ReferenceAccount


@dataclass
class DesiredEntity:
    """Desired properties of one entity as plain values; None deletes it."""

    thing_id: int | None  # None: it is new
    wanted: dict[str, Any] | None


@dataclass
class DesiredAccount:
    """Desired state of an account, as a file and as plain values."""

    desired: DesiredConfig
    each: list[DesiredEntity]
    is_complete: bool


@st.composite
def desired_accounts(draw: st.DrawFn, account: ReferenceAccount, *, most_new: int = 2) -> DesiredAccount:
    """Desired states of some existing and some new entities."""
    each = []
    for thing_id in draw(st.permutations(sorted(account.things)[:6])):
        match draw(st.sampled_from(["leave", "change", "delete"])):
            case "change":
                each.append(DesiredEntity(thing_id, draw(_desired_properties(account, is_new=False))))
            case "delete" if not account.things[thing_id]["is_default"]:
                each.append(DesiredEntity(thing_id, None))
    taken = {entity["name"] for entity in account.things.values()}
    new_names = draw(st.lists(names.filter(lambda name: name not in taken), unique=True, max_size=most_new))
    each += [
        DesiredEntity(None, draw(_desired_properties(account, is_new=True)) | {"name": name}) for name in new_names
    ]
    is_complete = draw(st.booleans())
    kind = "stage" if account.mode == "periodicity" else "segment"
    entities = tuple(_as_desired(draw, account, desired_state) for desired_state in each)
    lists: dict[str, Any] = {f"{kind}s": entities, "complete": frozenset([kind] if is_complete else [])}
    return DesiredAccount(DesiredConfig(source="segments.yaml", **lists), each, is_complete)


@st.composite
def _desired_properties(draw: st.DrawFn, account: ReferenceAccount, *, is_new: bool) -> dict[str, Any]:
    is_stage = account.mode == "periodicity"
    choices: dict[str, st.SearchStrategy[Any]] = {
        "name": names,
        "color": st.sampled_from(STAGE_COLORS if is_stage else SEGMENT_COLORS),
    }
    if is_stage:
        choices["sort"] = st.integers(-5, 5)
    else:
        choices["prices"] = prices
        choices["values"] = values(account.fields, is_live=False)
    required = {"name", "sort"} if is_new else set()
    return {name: draw(strategy) for name, strategy in choices.items() if name in required or draw(st.booleans())}


def _as_desired(draw: st.DrawFn, account: ReferenceAccount, desired_state: DesiredEntity) -> Any:
    """Write a desired entity as a file does: by id, or by name if unique."""
    existing = account.things.get(desired_state.thing_id or 0)
    wanted = dict(desired_state.wanted or {})
    namesakes = Counter(entity["name"] for entity in account.things.values())
    keeps_its_name = existing and wanted.get("name", existing["name"]) == existing["name"]
    is_name_match = existing and keeps_its_name and namesakes[existing["name"]] == 1 and draw(st.booleans())
    name = existing["name"] if existing and is_name_match else wanted.get("name")
    common: dict[str, Any] = {
        "id": None if is_name_match else desired_state.thing_id,
        "name": name,
        "color": wanted.get("color"),
        "is_deleted": desired_state.wanted is None,
    }
    if account.mode == "periodicity":
        return DesiredStage(sort=wanted.get("sort"), **common)
    zone = ZoneInfo(account.timezone)
    by_id = {one.id: one for one in account.fields}
    desired_values = tuple(
        DesiredValue(
            field=_field_reference(draw, account.fields, by_id[at]), value=_written_value(draw, by_id[at], value, zone)
        )
        for at, value in wanted.get("values", {}).items()
    )
    return DesiredSegment(price_field_ids=wanted.get("prices"), values=desired_values, **common)


def _field_reference(draw: st.DrawFn, among: tuple[Any, ...], one: Any) -> YamlText:
    """Reference a field or option by id, or by a unique name or code."""
    label = "name" if isinstance(one, Field) else "value"
    labels = Counter(getattr(other, label) for other in among)
    codes = Counter(getattr(other, "code", None) for other in among)
    name, code = getattr(one, label), getattr(one, "code", None)
    spellings = [YamlText(text=str(one.id))]
    if labels[name] == 1:
        spellings.append(YamlText(text=name, is_quoted=True))
    if code and codes[code] == 1 and not labels[code]:
        spellings.append(YamlText(text=code, is_quoted=True))
    return draw(st.sampled_from(spellings))


def _written_value(draw: st.DrawFn, definition: Field, value: Any, zone: ZoneInfo) -> YamlText | YamlList:
    """Write a field's desired contents in one of the accepted forms."""
    options = {one.id: one for one in definition.options}
    if isinstance(value, frozenset):
        return YamlList(items=tuple(_field_reference(draw, definition.options, options[one]) for one in sorted(value)))
    if isinstance(value, int) and not isinstance(value, bool):
        return _field_reference(draw, definition.options, options[value])
    text = draw(st.sampled_from(_spellings(definition, value, zone)))
    return YamlText(text=text, is_quoted=isinstance(value, str))


def _spellings(definition: Field, value: Any, zone: ZoneInfo) -> list[str]:
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
