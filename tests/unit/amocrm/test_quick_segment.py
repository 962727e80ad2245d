"""The quick reader gives what the careful reader gives for each row that it accepts, and leaves all others to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from operator import attrgetter
from typing import Any, Final

import pytest
import simplejson
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.amocrm import strict_json
from pipelines.amocrm.models import FieldValue, Json, QuickSegment, RawResponse, Segment, Snapshot
from pipelines.amocrm.segment_row import SegmentRow, parse_segment_list
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.copy_text import NULL, escape
from pipelines.base.errors import WarehouseError
from tests.unit.amocrm.parsed_records import ACCOUNT, SEGMENT, list_document
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_responses

MIDNIGHT: Final = 1589576400  # in Moscow
VALUES: Final[dict[str, Sequence[Json]]] = {
    "text": [{"value": 'Ёж «1», "2"\\ \t\n\r 🦔 \x7f\x08é'}],
    "url": [{"value": "https://example.com/a", "enum_id": None, "enum_code": None}],
    "numeric": [{"value": "1.50"}],
    "price": [{"value": 7}, {"value": "+007"}, {"value": "0.00000010"}],
    "checkbox": [{"value": True}],
    "date": [{"value": MIDNIGHT}],
    "birthday": [{"value": -62_004_277_817}],
    "date_time": [{"value": 1589615328}],
    "select": [{"value": "один", "enum_id": 3, "enum_code": "A"}],
    "multiselect": [{"value": "b", "enum_id": 9}, {"value": "a", "enum_id": 8}],
}
ROW: Final[dict[str, Json]] = SEGMENT | {
    "available_products_price_types": [2, 1, 2],
    "custom_fields_values": [
        {"field_id": 30 - n, "field_name": f"Поле {n}", "field_code": None, "field_type": kind, "values": values}
        for n, (kind, values) in enumerate(VALUES.items())
    ]
    + [{"field_id": 40, "field_name": "Empty", "field_code": "E", "field_type": "text", "values": []}],
    "_links": {"self": {"href": "http://example.amocrm.ru/51"}},
}


def page(*rows: Json, **options: Any) -> bytes:
    document = list_document("segments", *rows) | {"_page": 1, "_links": {"self": {"href": "x"}}}
    text = json.dumps(document, **options).replace("https://example.com/", r"https:\/\/example.com\/")
    return text.encode("utf-8", "surrogatepass")


def responses(body: bytes) -> list[RawResponse]:
    """An account whose list of segments has this body."""
    return raw_responses(account=ACCOUNT, segments=body, fields=list_document("custom_fields"))


def outcome(read: Callable[[], Snapshot]) -> Snapshot | str:
    try:
        return read()
    except (strict_json.NotStrictJson, WarehouseError) as error:
        return f"{type(error).__name__}: {error}"


def carefully(body: bytes) -> Snapshot | str:
    return outcome(lambda: parse_snapshot(responses(body), OBSERVED_AT))


def quickly(body: bytes) -> Snapshot | str:
    def read() -> Snapshot:
        answers = responses(body)
        (listed,) = (answer for answer in answers if answer.resource == "segments")
        try:
            documents = {listed.sequence: parse_segment_list(body)}
        except strict_json.NotStrictJson:
            documents = {}  # raised again
        return parse_snapshot(answers, OBSERVED_AT, documents=documents, is_quick=True)

    return outcome(read)


def stored(segment: Segment | QuickSegment) -> tuple[Any, ...]:
    """What Postgres gets of a segment."""
    lines = (
        segment.value_lines
        if isinstance(segment, QuickSegment)
        else tuple(line(value) for value in segment.field_values)
    )
    return (
        *(segment.id, segment.name, segment.color, segment.created_at, segment.updated_at, segment.customers_count),
        *(segment.price_field_ids, segment.extra, segment.content_hash, lines),
        *(segment.bonus_points_conversion_rate, segment.bonus_points_max_discount),
    )


def line(value: FieldValue) -> str:
    """The value as text, formatted one by one."""
    *scalars, json_value = value
    texts = [NULL if scalar is None else escape(str(scalar)) for scalar in scalars]
    return "\t".join([*texts, NULL if json_value is None else escape(simplejson.dumps(json_value))])


def assert_same(body: bytes) -> None:
    careful, quick = carefully(body), quickly(body)
    if isinstance(careful, str) or isinstance(quick, str):
        assert quick == careful
        return
    assert quick.anomalies == careful.anomalies
    found: Sequence[Segment | QuickSegment] = (*quick.segments, *quick.quick_segments)
    assert [stored(segment) for segment in sorted(found, key=attrgetter("id"))] == [
        stored(segment) for segment in careful.segments
    ]


def quick_ids(body: bytes) -> list[int]:
    snapshot = quickly(body)
    assert isinstance(snapshot, Snapshot)
    return [segment.id for segment in snapshot.quick_segments]


@pytest.mark.parametrize("options", [{}, {"ensure_ascii": False}, {"separators": (",", ":")}, {"indent": 1}])
def test_usual_rows_are_read_quickly(options: Any) -> None:
    body = page(ROW, ROW | {"id": 52, "name": "Second"}, **options)
    assert quick_ids(body) == [51, 52]
    assert_same(body)


@pytest.mark.parametrize("points", [0, 15, None])
def test_bonus_points_are_read_quickly(points: int | None) -> None:
    for keys in (("bonus_points_max_discount",), ("bonus_points_max_discount", "bonus_points_conversion_rate")):
        body = page(ROW | dict.fromkeys(keys, points))
        assert quick_ids(body) == [51]
        assert_same(body)


ODD: Final[dict[str, Json]] = {
    "another account": ROW | {"account_id": 2},
    "an unknown key": ROW | {"new": 1},
    "no name": {key: value for key, value in ROW.items() if key != "name"},
    "NUL": ROW | {"name": "a\x00b"},
    "a lone surrogate": ROW | {"name": "a\ud800b"},
    "an id as text": ROW | {"id": "51"},
    "a size as text": ROW | {"customers_count": "5"},
    "a broken rate": ROW | {"bonus_points_conversion_rate": 2.5},
    "a rate as text": ROW | {"bonus_points_conversion_rate": "2"},
    "a rate that is true": ROW | {"bonus_points_max_discount": True},
    "a field twice": ROW | {"custom_fields_values": ROW["custom_fields_values"] * 2},
}


@pytest.mark.parametrize("name", ODD)
def test_an_unusual_row_is_read_carefully_and_alone(name: str) -> None:
    body = page(ROW | {"id": 50}, ODD[name])
    assert_same(body)
    if name not in {
        "another account",
        "a lone surrogate",
    }:  # the first raises; for the second the decoder refuses the page
        assert quick_ids(body) == [50]


@pytest.mark.parametrize(
    "repeated",
    ['"id": 51', '"href": "http"', '"value": "1.50"', '"field_type": "url"', '"color": "6610f2"', '"_page": 1'],
)
def test_a_key_twice_is_refused_by_both(repeated: str) -> None:
    text = page(ROW | {"_links": {"self": {"href": "http"}}}).decode()
    assert repeated in text
    body = text.replace(repeated, f"{repeated}, {repeated}").encode()
    assert "twice" in str(carefully(body))
    assert_same(body)


def test_rows_are_equal_if_their_json_is() -> None:
    """As the same row on two pages, or written in two ways."""
    pages = [parse_segment_list(page(ROW, ensure_ascii=is_escaped)) for is_escaped in (True, False)]
    plain, escaped = (document["_embedded"]["segments"][0] for document in pages)
    assert isinstance(plain, SegmentRow)
    assert plain.raw != escaped.raw
    assert plain == escaped == ROW
    assert plain != ROW | {"customers_count": 6}


_NUMBERS: Final = (0, -1, 1, 7, 51, 2**53 + 1, 2**63 - 2, 2**63 - 1, 2**63, 10**30, 10**700, 1.0, 1.5, -0.0, 1e300)
_INSTANTS: Final = (MIDNIGHT, MIDNIGHT + 1, 253_402_300_799, 253_402_300_800, -62_135_596_800, -62_135_596_801)
_DIGITS: Final = ("1", "-1", "+1.50", "1e5", " 1", "\u0661", "9" * 19, "9" * 101, "0." + "1" * 20, "NaN")
_TEXTS: Final = ("", "VIP", "\x00", "\ud800", "\udc00x", "🦔", "é", "\\", '"', '\\"', ":", '":"', "\\u0000", "{")
_TYPES: Final = ("2020-05-16T07:48:48Z", "text", "date", "select", "items", "unheard_of")
_NESTED: Final[Sequence[Json]] = ([], {}, [1], ["1"], [[]], {"value": 1}, [{"value": "a"}], [None], [0], {"0": 1})
_OTHERS: Final[Sequence[Json]] = (None, True, False)
_VALUES: Final = st.sampled_from([*_OTHERS, *_NUMBERS, *_INSTANTS, *_DIGITS, *_TEXTS, *_TYPES, *_NESTED])
_KEYS: Final = st.sampled_from(
    [*ROW, "value", "enum_id", "enum_code", "field_id", "field_type", "values", "self", "new"]
)
_BYTES: Final = st.sampled_from([*(bytes([one]) for one in b'"\\:0e.-}{],'), b"\\u0000", b"\\ud800", b'":"'])


def _paths(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a row."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(found for key, item in items for found in _paths(item, (*path, key)))]


_PATHS = st.sampled_from(_paths(ROW))


def changed(row: Json, path: tuple[Any, ...], value: Json, key: str, action: str) -> Json:
    """The row with one value replaced, removed, or put under another key."""
    row = deepcopy(row)
    parent = row
    for step in path[:-1]:
        parent = parent[step]
    if action == "replace":
        parent[path[-1]] = value
    elif action == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[key] = value
    else:
        parent.append(value)
    return row


_ROWS = st.lists(
    st.builds(changed, st.just(ROW), _PATHS, _VALUES, _KEYS, st.sampled_from(["replace", "replace", "remove", "add"])),
    min_size=1,
    max_size=4,  # of more rows, one is usually so wrong that both readers refuse the page
).map(lambda rows: [row | {"id": 60 + n} if row.get("id") == 51 else row for n, row in enumerate(rows)])
_OPTIONS = st.fixed_dictionaries(
    {}, optional={"ensure_ascii": st.just(False), "separators": st.just((",", ":")), "indent": st.just(1)}
)


@given(_ROWS, _OPTIONS)
def test_both_readers_agree_on_changed_rows(rows: list[Json], options: Any) -> None:
    assert_same(page(*rows, **options))


_USUAL: Final = page(ROW, ROW | {"id": 52})


@given(st.integers(0, len(_USUAL)), st.integers(0, 3), st.binary(max_size=3) | _BYTES)
@example(0, 0, b"\xef\xbb\xbf")
def test_both_readers_agree_on_changed_bytes(at: int, removed: int, inserted: bytes) -> None:
    assert_same(_USUAL[:at] + inserted + _USUAL[at + removed :])
