"""How the items of ``values`` come about: from what a person would write, and from what a client sends."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from emulator.things import OPTION_TYPES, Field, Json

TEXT_TYPES = ("text", "textarea", "url", "streetaddress")


def as_values(definition: Field, value: Json, timezone: str) -> list[dict[str, Json]]:
    """The items of ``values`` for ``value``; ValueError where an option is not the field's.

    amoCRM shows a day as midnight of it in the account's timezone, numbers as text, and an option by its id.
    """
    if definition.type in OPTION_TYPES:
        option_ids = [value] if isinstance(value, int) else list(value)
        if unknown := [one for one in option_ids if one not in definition.options]:
            raise ValueError(f"field {definition.id} has no options {unknown}")
        return [{"enum_id": option_id} for option_id in option_ids]
    if isinstance(value, datetime):
        return [{"value": int(value.timestamp())}]
    if isinstance(value, date):
        return [{"value": _midnight(value, timezone)}]
    return [{"value": str(value) if definition.type == "numeric" else value}]


def accepted_values(definition: Field, sent: Json, timezone: str) -> list[dict[str, Json]]:
    """The items that a client's ``values`` become; ValueError where they do not fit the field.

    Nothing and an empty list clear the field. An option may be named by its id or its label, a time by unix seconds or
    RFC 3339, a number as text.
    """
    if sent is None:
        return []
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise ValueError("This value should be a list of objects.")
    if len(sent) > 1 and definition.type != "multiselect":
        raise ValueError("This field holds one value.")
    if definition.type in OPTION_TYPES:
        return [{"enum_id": _accepted_option(definition, one)} for one in sent]
    return [{"value": _accepted_value(definition.type, one.get("value"), timezone)} for one in sent]


def _accepted_option(definition: Field, sent: dict[str, Json]) -> int:
    for option in definition.options.values():
        if sent.get("enum_id") == option.id or ("enum_id" not in sent and sent.get("value") == option.value):
            return option.id
    raise ValueError("The value you selected is not a valid choice.")


def _accepted_value(kind: str, sent: Json, timezone: str) -> Json:
    if kind in TEXT_TYPES and isinstance(sent, str):
        return sent
    if kind == "checkbox" and isinstance(sent, bool):
        return sent
    if kind == "numeric" and isinstance(sent, int | float | str) and not isinstance(sent, bool):
        return _accepted_number(sent)
    if kind in ("date", "date_time") and isinstance(sent, int | str) and not isinstance(sent, bool):
        instant = datetime.fromisoformat(sent) if isinstance(sent, str) else datetime.fromtimestamp(sent, UTC)
        if instant.tzinfo is None:
            raise ValueError("A time needs its offset.")
        seconds = int(instant.timestamp())
        return seconds if kind == "date_time" else _midnight(instant.astimezone(ZoneInfo(timezone)).date(), timezone)
    raise ValueError(f"This value should be of the type that a field of type {kind} holds.")


def _accepted_number(sent: float | str) -> str:
    try:
        number = Decimal(str(sent))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError("This value should be a number.")
    return str(sent)


def _midnight(day: date, timezone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp())
