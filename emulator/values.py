"""Conversion of Python values and of received JSON to the API's ``values`` items."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from emulator.entities import OPTION_TYPES, Field, Json

TEXT_TYPES = ("text", "textarea", "url", "streetaddress")


def to_api_values(definition: Field, value: Json, timezone: str) -> list[dict[str, Json]]:
    """Return the items of ``values`` for a Python value. Raises ``ValueError`` for an unknown option.

    amoCRM shows a date as midnight in the account's timezone, a number as text, and an option by its id.
    """
    if definition.type in OPTION_TYPES:
        option_ids = [value] if isinstance(value, int) else list(value)
        if unknown := [item for item in option_ids if item not in definition.options]:
            raise ValueError(f"field {definition.id} has no options {unknown}")
        return [{"enum_id": option_id} for option_id in option_ids]
    if isinstance(value, datetime):
        return [{"value": int(value.timestamp())}]
    if isinstance(value, date):
        return [{"value": _midnight_timestamp(value, timezone)}]
    return [{"value": str(value) if definition.type == "numeric" else value}]


def parse_values(definition: Field, received: Json, timezone: str) -> list[dict[str, Json]]:
    """Return the items for received ``values``. Raises ``ValueError`` if they are invalid for the field.

    Null and an empty list clear the field. An option may be given by its id or label, a time in unix seconds or
    RFC 3339, a number as text.
    """
    if received is None:
        return []
    if not isinstance(received, list) or not all(isinstance(item, dict) for item in received):
        raise ValueError("This value should be a list of objects.")
    if len(received) > 1 and definition.type != "multiselect":
        raise ValueError("This field holds one value.")
    if definition.type in OPTION_TYPES:
        return [{"enum_id": _parse_option(definition, item)} for item in received]
    return [{"value": _parse_value(definition.type, item.get("value"), timezone)} for item in received]


def _parse_option(definition: Field, received: dict[str, Json]) -> int:
    for option in definition.options.values():
        if received.get("enum_id") == option.id or (
            received.get("enum_id") is None and received.get("value") == option.value
        ):
            return option.id
    raise ValueError("The value you selected is not a valid choice.")


def _parse_value(kind: str, received: Json, timezone: str) -> Json:
    if kind in TEXT_TYPES and isinstance(received, str):
        return received
    if kind == "checkbox" and isinstance(received, bool):
        return received
    if kind == "numeric" and isinstance(received, int | float | str) and not isinstance(received, bool):
        return _parse_number(received)
    if kind in ("date", "date_time") and isinstance(received, int | str) and not isinstance(received, bool):
        instant = (
            datetime.fromisoformat(received) if isinstance(received, str) else datetime.fromtimestamp(received, UTC)
        )
        if instant.tzinfo is None:
            raise ValueError("A time needs its offset.")
        seconds = int(instant.timestamp())
        return (
            seconds
            if kind == "date_time"
            else _midnight_timestamp(instant.astimezone(ZoneInfo(timezone)).date(), timezone)
        )
    raise ValueError(f"This value should be of the type that a field of type {kind} holds.")


def _parse_number(received: float | str) -> str:
    try:
        number = Decimal(str(received))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError("This value should be a number.")
    return str(received)


def _midnight_timestamp(day: date, timezone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp())
