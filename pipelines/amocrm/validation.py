"""What a document must have to be used at all, above all ids.

Other values may be missing or strange: see ``rows``.
"""

from __future__ import annotations

from pipelines.amocrm.models import Json

MAX_ID = 2**63 - 2
"""The largest id the warehouse can store, and far beyond any of amoCRM's. A ``bigint`` holds one more; but versions are
kept from overlapping by ranges, and Postgres writes the range of one id as from that id to the one after it."""


class InvalidRecord(ValueError):
    """A document lacks what makes it usable.

    The text completes 'the answer cannot be used: …', and quotes no value.
    """


def parse_id(value: Json) -> int | None:
    """``value`` as an id: a positive integer up to ``MAX_ID``, or the same in decimal digits.

    None for all else.
    """
    if type(value) is int:  # nearly always, and asked for each of thousands of values
        return value if 0 < value <= MAX_ID else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:
        return parse_id(int(value))
    return None


def parse_row_id(row: Json, thing: str) -> int:
    """The id of a row; ``thing`` is what it is a row of.

    Raises ``Misshapen`` where there is none to rely upon.
    """
    if not isinstance(row, dict):
        raise InvalidRecord(f"a {thing} is not an object")
    parsed_id = parse_id(row.get("id"))
    if parsed_id is None:
        raise InvalidRecord(f"a {thing} has no usable id")
    return parsed_id
