"""Reference account that follows the vendor's page, independent of the code under test.

What a field holds is a plain value: a text, Decimal, True, date, datetime, an option's id, or a set of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pipelines.amocrm.models import Field, FieldValue, Json, Mode, Segment, Snapshot, Stage
from tests.records import account, hours, segment, snapshot, stage

# The page's "Available stage colors" and "Available segment colors", in alphabetical order.
# fmt: off
STAGE_COLORS = (
    "#87f2c0", "#98cbff", "#c1e0ff", "#ccc8f9", "#d6eaff", "#deff81", "#e6e8ea", "#eb93ff", "#ebffb1", "#f2f3f4",
    "#f3beff", "#f9deff", "#ff8f92", "#ffc8c8", "#ffce5a", "#ffdbdb", "#ffdc7f", "#ffeab2", "#fff000", "#fffd7f",
    "#fffeb2",
)
SEGMENT_COLORS = (
    "006acc", "00a44b", "046e8f", "06d6a0", "07a0c3", "08605f", "0c7c59", "10599d", "177e89", "2176ff", "247ba0",
    "2e5339", "495f41", "4a001f", "4b3666", "4f517d", "598381", "631d76", "6461a0", "6610f2", "6a0f49", "6b2d5c",
    "6f7c12", "79b473", "832161", "8963ba", "8e936d", "932f6d", "9d2b32", "a2ad59", "ae003f", "b118c8", "b38a58",
    "bb304e", "bf126f", "bf2600", "cd0f53", "dd1c1a", "e14945", "ff5376",
)
# fmt: on

TEXT_TYPES = ("text", "textarea", "url", "streetaddress")
OPTION_TYPES = ("select", "radiobutton", "multiselect")

Entity = dict[str, Any]
"""name, color; of a stage sort and is_default; of a segment prices and values (what a field holds by its id)."""

NEW_ENTITY: Entity = {"name": "", "color": "", "sort": 0, "is_default": False, "prices": (), "values": {}}


class Call(Protocol):
    """A request to send."""

    @property
    def method(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def thing_id(self) -> int | None: ...
    @property
    def body(self) -> Json: ...


class ReferenceAccount:
    """An account of one mode. ``send`` follows the vendor's page, and fails if the page forbids it."""

    def __init__(
        self,
        mode: Mode,
        things: Mapping[int, Entity],
        fields: tuple[Field, ...] = (),
        timezone: str = "Europe/Moscow",
    ) -> None:
        self.mode = mode
        self.things = deepcopy(dict(things))
        self.fields = fields
        self.timezone = timezone
        self._next_id = max(self.things, default=0) + 1000

    def snapshot(self) -> Snapshot:
        """The account as records."""
        lists: dict[str, Any] = {"fields": self.fields}
        if self.mode == "periodicity":
            lists = {"stages": tuple(to_stage(*one) for one in self.things.items())}
        elif self.mode == "segments":
            lists["segments"] = tuple(to_segment(*one, self.fields) for one in self.things.items())
        return snapshot(hours(0), account=account(self.mode, timezone=self.timezone), **lists)

    def send(self, call: Call) -> list[int]:
        """Execute a call, and return the ids of added entities."""
        assert call.resource == {"periodicity": "stages", "segments": "segments"}[self.mode]
        match call.method:
            case "POST" if call.resource == "stages":
                assert isinstance(call.body, list)
                assert call.body
                assert len({one["request_id"] for one in call.body}) == len(call.body)
                return [self._add(one, {"name", "sort"}) for one in call.body]
            case "POST":
                return [self._add(call.body, {"name"})]
            case "PATCH":
                assert call.thing_id in self.things
                assert call.body.keys() - {"request_id"}, "at least one parameter should be passed"
                self._set(self.things[call.thing_id], call.body)
            case "DELETE":
                assert call.body is None
                assert call.thing_id is not None
                assert not self.things.pop(call.thing_id).get("is_default"), "system stages can't be deleted"
        return []

    def _add(self, body: Json, required: set[str]) -> int:
        assert required <= body.keys()
        color = (STAGE_COLORS if self.mode == "periodicity" else SEGMENT_COLORS)[0]
        added = NEW_ENTITY | {"color": color, "values": {}}
        self._set(added, body)
        self._next_id += 1
        self.things[self._next_id] = added
        assert len(self.things) <= (30 if self.mode == "periodicity" else 100)
        return self._next_id

    def _set(self, entity: Entity, body: Mapping[str, Json]) -> None:
        for name, value in body.items():
            match name:
                case "name":
                    assert isinstance(value, str)
                    assert value.strip()
                    entity["name"] = value
                case "color":
                    assert value in (STAGE_COLORS if self.mode == "periodicity" else SEGMENT_COLORS)
                    entity["color"] = value
                case "sort" if self.mode == "periodicity":
                    assert type(value) is int
                    entity["sort"] = value
                case "available_products_price_types" if self.mode == "segments":
                    assert all(type(one) is int for one in value)
                    entity["prices"] = tuple(sorted(value))
                case "custom_fields_values" if self.mode == "segments":
                    assert value
                    for item in value:
                        self._set_value(entity, item)
                    assert len(entity["values"]) <= 30
                case "request_id":
                    assert isinstance(value, str)
                case _:
                    raise AssertionError(f"the page knows no parameter {name}")

    def _set_value(self, entity: Entity, item: Mapping[str, Json]) -> None:
        assert item.keys() == {"field_id", "values"}
        [field] = [field for field in self.fields if field.id == item["field_id"]]
        content = parse_values(field, item["values"] or [], ZoneInfo(self.timezone))
        if content is None:
            entity["values"].pop(field.id, None)
        else:
            entity["values"][field.id] = content


def parse_values(field: Field, items: list[Mapping[str, Json]], zone: ZoneInfo) -> Any:
    """Contents of a field after ``items`` are sent, or None."""
    if field.type in OPTION_TYPES:
        ids = [item["enum_id"] for item in items]
        assert set(ids) <= {option.id for option in field.options}
        assert field.type == "multiselect" or len(ids) <= 1
        return (frozenset(ids) if field.type == "multiselect" else ids[0]) if ids else None
    assert len(items) <= 1
    return parse_value(field, items[0]["value"], zone) if items else None


def parse_value(field: Field, value: Json, zone: ZoneInfo) -> Any:
    """Contents of a field after ``value`` is sent, or None."""
    match field.type:
        case "checkbox" if isinstance(value, bool):
            return value or None
        case "numeric" if isinstance(value, str):
            return Decimal(value)
        case "date" | "date_time" if type(value) is int:
            instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
            return instant if field.type == "date_time" else instant.astimezone(zone).date()
        case kind if kind in TEXT_TYPES and isinstance(value, str):
            return value or None
    raise AssertionError(f"{value!r} for a field of type {field.type}")


def to_stage(stage_id: int, entity: Entity) -> Stage:
    """A stage as a record."""
    return stage(stage_id, **{name: entity[name] for name in ("name", "color", "sort", "is_default")})


def to_segment(segment_id: int, entity: Entity, fields: tuple[Field, ...]) -> Segment:
    """A segment as a record."""
    values = [
        value for field in fields if field.id in entity["values"] for value in to_field_values(field, entity["values"])
    ]
    return segment(
        segment_id,
        name=entity["name"],
        color=entity["color"],
        price_field_ids=entity["prices"],
        field_values=tuple(values),
    )


def to_field_values(field: Field, content: Mapping[int, Any]) -> list[FieldValue]:
    """Contents of a field as records."""
    value = content[field.id]
    parts = sorted(value) if isinstance(value, frozenset) else [value]
    return [
        FieldValue(field_id=field.id, field_type=field.type, position=position, **{_value_attribute(field, one): one})
        for position, one in enumerate(parts)
    ]


def _value_attribute(field: Field, value: Any) -> str:
    if field.type in OPTION_TYPES:
        return "option_id"
    kinds: list[tuple[type, str]] = [
        (str, "text"),
        (bool, "boolean"),
        (Decimal, "number"),
        (datetime, "instant"),
        (date, "date"),
        (dict, "json"),
    ]
    return next(name for kind, name in kinds if isinstance(value, kind))
