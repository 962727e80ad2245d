"""Structure of a segment's row, and the quick decoder of pages of segments.

The structs describe a row for the careful reader (``entities.parse_segment``) and for the quick one
(``quick_segment``). A row that does not fit them stays JSON, for the careful reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from pipelines.amocrm import strict_json
from pipelines.amocrm.models import Json
from pipelines.amocrm.validation import MAX_ID

Id: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_ID)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Item(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One item of an entry's ``values``. The keys are sorted, as the content hash needs them."""

    enum_code: str | UnsetType | None = UNSET
    enum_id: Id | UnsetType | None = UNSET
    value: str | int | bool | UnsetType | None = UNSET


class Entry(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One entry of ``custom_fields_values``."""

    field_id: Id
    field_type: str
    values: list[Item]
    field_name: str | UnsetType | None = UNSET
    field_code: str | UnsetType | None = UNSET


class Link(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Link to a segment."""

    href: str


class Links(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """``_links`` of a segment."""

    self: Link


class SegmentFields(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Row of the list of segments."""

    id: Id
    created_at: int
    updated_at: int
    name: str
    customers_count: Count
    color: str
    account_id: Id
    available_products_price_types: list[Id] | UnsetType | None = UNSET
    custom_fields_values: list[Entry] | UnsetType | None = UNSET
    bonus_points_conversion_rate: Count | UnsetType | None = UNSET
    bonus_points_max_discount: Count | UnsetType | None = UNSET
    _links: Links | UnsetType = UNSET


SEGMENT_KEYS: Final = frozenset(SegmentFields.__struct_encode_fields__)
ENTRY_KEYS: Final = frozenset(Entry.__struct_encode_fields__)
ITEM_KEYS: Final = frozenset(Item.__struct_encode_fields__)


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRow(Mapping[str, Json]):
    """Row that fits the structs. As a mapping it is what the careful reader gets; each access parses it."""

    fields: SegmentFields
    raw: bytes

    def json(self) -> dict[str, Json]:
        """Parse the row for the careful reader."""
        row: dict[str, Json] = strict_json.parse(self.raw)
        return row

    def __getitem__(self, key: str) -> Json:
        return self.json()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.json())

    def __len__(self) -> int:
        return len(self.json())


class _Embedded(Struct):
    segments: Raw


class _Page(Struct):
    _embedded: _Embedded


_PAGE: Final = msgspec.json.Decoder(_Page)
_ROWS: Final = msgspec.json.Decoder(list[Raw])
_ROW: Final = msgspec.json.Decoder(SegmentFields)
_SEARCHED_BYTES: Final = 200
"""Beginning of the list to search for in the page: a search for all of it takes longer than decoding."""
_EXCEPT_QUOTES_AND_COLONS: Final = bytes(set(range(256)) - set(b'":'))


def parse_segment_list(body: bytes) -> Json:
    """Parse a page of the list of segments: ``strict_json.parse``, with ``SegmentRow`` for rows that fit.

    Raises ``NotStrictJson``.
    """
    try:
        return _parse_usual_page(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return strict_json.parse(body)


def _parse_usual_page(body: bytes) -> Json:
    """Parse a page row by row. Raises ``ValueError`` or ``MsgspecError`` if it has to be parsed as a whole."""
    if len(body) > strict_json.MAX_BYTES:
        raise ValueError
    listed = bytes(_PAGE.decode(body)._embedded.segments)  # noqa: SLF001 - the API's name
    start = body.index(listed[:_SEARCHED_BYTES])
    end = start + len(listed)
    if body[start:end] != listed:
        raise ValueError
    document = strict_json.parse(body[:start] + b"[]" + body[end:])
    rows = [_parse_row(bytes(raw)) for raw in _ROWS.decode(listed)]
    fitting = [row for row in rows if isinstance(row, SegmentRow)]
    # Of a repeated key, the decoder keeps one.
    encoded = msgspec.json.encode([row.fields for row in fitting])
    if _count_keys(encoded) != _count_keys(b",".join([row.raw for row in fitting])):
        raise ValueError
    document["_embedded"]["segments"] = rows
    return document


def _parse_row(raw: bytes) -> SegmentRow | Json:
    """Parse one row. Postgres stores no NUL, so the careful reader replaces it."""
    if b"\\u0000" not in raw:
        try:
            return SegmentRow(_ROW.decode(raw), raw)
        except msgspec.MsgspecError:
            pass
    return strict_json.parse(raw)


def _count_keys(document: bytes) -> int:
    """Count the keys of all objects: the colons outside of strings."""
    outside_escapes = document.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in document else document
    # Two adjacent quotes do not change which colons are inside strings.
    structure = outside_escapes.translate(None, _EXCEPT_QUOTES_AND_COLONS).replace(b'""', b"")
    return b"".join(structure.split(b'"')[::2]).count(b":")
