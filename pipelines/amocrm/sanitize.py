"""Sanitizing of JSON for Postgres: no NUL, no lone surrogates, no number beyond ``numeric``."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from pipelines.amocrm.models import Json

_UNSUPPORTED = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"

_MAX_EXPONENT = 131_071  # numeric has at most 131,072 digits before the decimal point
_MIN_EXPONENT = -16_383  # and 16,383 after it


def sanitize_text(text: str) -> str:
    """Replace characters that Postgres rejects by U+FFFD; return ``text`` itself if there are none."""
    return _UNSUPPORTED.sub(_REPLACEMENT, text) if _UNSUPPORTED.search(text) else text


def fits_numeric(number: Decimal) -> bool:
    """Return True if Postgres' ``numeric`` holds this number exactly."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _MIN_EXPONENT and number.adjusted() <= _MAX_EXPONENT


def sanitize_json(value: Json, report: Callable[[str], None]) -> Json:
    """Return ``value`` as ``jsonb`` accepts it. ``report`` is called with each kind of anomaly."""
    match value:
        case str():
            sanitized = sanitize_text(value)
            if sanitized is not value:
                report("unstorable_text")
            return sanitized
        case Decimal() if not fits_numeric(value):
            report("unstorable_number")
            return str(value)
        case list():
            return [sanitize_json(item, report) for item in value]
        case dict():
            result: dict[str, Json] = {}
            for key, item in value.items():
                name = sanitize_json(key, report)
                while name in result:  # two keys that differ only in replaced characters
                    name += _REPLACEMENT
                result[name] = sanitize_json(item, report)
            return result
        case _:
            return value
