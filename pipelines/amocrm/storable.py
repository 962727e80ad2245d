"""JSON as Postgres can store it: no NUL, no halves of surrogate pairs, no number beyond ``numeric``. All else stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from pipelines.amocrm.records import Json

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"

_LARGEST_EXPONENT = 131_071  # numeric has at most 131,072 digits before the decimal point
_SMALLEST_EXPONENT = -16_383  # and 16,383 after it


def storable_text(text: str) -> str:
    """``text`` with U+FFFD for every character that Postgres refuses; ``text`` itself where there is none."""
    return _UNSTORABLE.sub(_REPLACEMENT, text) if _UNSTORABLE.search(text) else text


def is_storable_number(number: Decimal) -> bool:
    """Whether Postgres' ``numeric`` holds this number exactly."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _SMALLEST_EXPONENT and number.adjusted() <= _LARGEST_EXPONENT


def storable_json(value: Json, note: Callable[[str], None]) -> Json:
    """``value`` as ``jsonb`` takes it. ``note`` is called with the kind of each oddity on the way."""
    match value:
        case str():
            clean = storable_text(value)
            if clean is not value:
                note("unstorable_text")
            return clean
        case Decimal() if not is_storable_number(value):
            note("unstorable_number")
            return str(value)
        case list():
            return [storable_json(item, note) for item in value]
        case dict():
            cleaned: dict[str, Json] = {}
            for key, item in value.items():
                name = storable_json(key, note)
                while name in cleaned:  # two keys that differ in what was replaced only
                    name += _REPLACEMENT
                cleaned[name] = storable_json(item, note)
            return cleaned
        case _:
            return value
