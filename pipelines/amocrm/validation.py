"""Requirements of a usable document, above all ids. Other invalid values become anomalies."""

from __future__ import annotations

from pipelines.amocrm.models import Json

MAX_ID = 2**63 - 2
"""Largest id that the warehouse can store.

A ``bigint`` holds one more, but exclusion constraints use ranges, and Postgres writes the range of
one id as from that id up to the next.
"""


class InvalidRecord(ValueError):
    """A document cannot be used.

    The text completes 'the response cannot be used: …' and quotes no value.
    """


def parse_id(value: Json) -> int | None:
    """Return ``value`` as an id from 1 to ``MAX_ID``, given as an integer or decimal digits; otherwise None."""
    if type(value) is int:  # the usual case first: this runs for thousands of values
        return value if 0 < value <= MAX_ID else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:
        return parse_id(int(value))
    return None


def parse_row_id(row: Json, thing: str) -> int:
    """Return the id of a row of kind ``thing``. Raises ``InvalidRecord`` if it has no usable id."""
    if not isinstance(row, dict):
        raise InvalidRecord(f"a {thing} is not an object")
    parsed_id = parse_id(row.get("id"))
    if parsed_id is None:
        raise InvalidRecord(f"a {thing} has no usable id")
    return parsed_id
