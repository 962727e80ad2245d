"""How a value that a person would write becomes the items of ``values``, by the type of its field."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from emulator.things import OPTION_TYPES, Field, Json


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
        return [{"value": int(datetime.combine(value, time(), ZoneInfo(timezone)).timestamp())}]
    return [{"value": str(value) if definition.type == "numeric" else value}]
