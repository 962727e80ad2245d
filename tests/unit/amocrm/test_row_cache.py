"""Cached rows are not parsed, and the snapshot is equal."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.amocrm.models import Json, RawResponse, Snapshot
from pipelines.amocrm.row_cache import RowCache, hash_row
from pipelines.amocrm.snapshot import parse_snapshot, parse_snapshot_with_cache
from tests.unit.amocrm.parsed_records import ACCOUNT, SEGMENT, list_document
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_responses

CREATED_AT = {
    "field_id": 7,
    "field_name": "Born",
    "field_code": None,
    "field_type": "date",
    "values": [{"value": 1589576400}],
}
ROW: dict[str, Json] = SEGMENT | {"available_products_price_types": [2, 1], "custom_fields_values": [CREATED_AT]}


def responses(*rows: Json, timezone: str = "Europe/Moscow") -> list[RawResponse]:
    """What an account with these segments answers."""
    account = ACCOUNT | {"_embedded": {"datetime_settings": {"timezone": timezone}}}
    return raw_responses(
        account=account, segments=list_document("segments", *rows), fields=list_document("custom_fields")
    )


def parsed_with_cache(memory: RowCache, *rows: Json, timezone: str = "Europe/Moscow") -> tuple[Snapshot, RowCache]:
    """The snapshot that rows make, those in memory unread, and what is in memory then."""
    return parse_snapshot_with_cache(responses(*rows, timezone=timezone), OBSERVED_AT, memory)


def unread_ids(snapshot: Snapshot) -> list[int]:
    return [segment.id for segment in snapshot.unparsed_segments]


def parsed_fully(snapshot: Snapshot) -> Snapshot:
    """The snapshot with everything read after all."""
    segments = [*snapshot.segments, *(segment.read() for segment in snapshot.unparsed_segments)]
    return replace(snapshot, segments=tuple(sorted(segments, key=attrgetter("id"))), unparsed_segments=())


def test_a_row_is_read_once_whatever_its_size_becomes() -> None:
    first, memory = parsed_with_cache({}, ROW, ROW | {"id": 52})
    assert [segment.id for segment in first.segments] == [51, 52]
    second, again = parsed_with_cache(
        memory, ROW | {"customers_count": 6, "updated_at": 1591089999}, ROW | {"id": 52, "name": "New"}
    )
    assert [segment.id for segment in second.segments] == [52]
    (unread,) = second.unparsed_segments
    assert (unread.id, unread.customers_count, unread.content_hash) == (51, 6, first.segments[0].content_hash)
    assert again.keys() != memory.keys()
    assert unread_ids(parsed_with_cache(again, ROW, ROW | {"id": 52, "name": "New"})[0]) == [51, 52]


def test_what_is_not_listed_any_more_is_forgotten() -> None:
    _, memory = parsed_with_cache({}, ROW, ROW | {"id": 52})
    _, memory = parsed_with_cache(memory, ROW)
    assert len(memory) == 1


def test_another_timezone_invalidates_the_cache() -> None:
    _, memory = parsed_with_cache({}, ROW)
    (segment,) = parsed_with_cache(memory, ROW, timezone="Asia/Tokyo")[0].segments
    assert segment.content_hash not in {before.content_hash for before in memory.values()}


def test_anomalies_of_cached_segments_are_kept() -> None:
    odd = ROW | {"color": None, "sort": 1}
    first, memory = parsed_with_cache({}, odd)
    again, _ = parsed_with_cache(memory, odd)
    assert unread_ids(again) == [51]
    assert {anomaly.kind for anomaly in again.anomalies} == {"missing_value", "unknown_key"}
    assert again.anomalies == first.anomalies


def test_a_row_with_an_odd_size_is_always_read() -> None:
    for odd in ({"customers_count": None}, {"customers_count": "5"}, {"customers_count": -1}, {"updated_at": "today"}):
        _, memory = parsed_with_cache({}, ROW | odd)
        assert not memory
    _, memory = parsed_with_cache({}, ROW)
    snapshot, _ = parsed_with_cache(memory, ROW | {"customers_count": True})
    assert [anomaly.kind for anomaly in snapshot.anomalies] == ["untyped_value"]


def test_rows_that_differ_in_a_type_alone_differ() -> None:
    texts = [hash_row(ROW | {"name": name}, "UTC") for name in ("1", 1, True, None, ["1"], "None", "'1'")]
    assert len(set(texts)) == len(texts)


_VALUES = st.sampled_from(["VIP", "", "\x00", "\ud800", None, 0, -1, 5, 2**63, True, [], {}, [1, "1"], {"a": None}])
_ROWS = st.dictionaries(st.sampled_from([*ROW.keys() - {"id", "account_id", "custom_fields_values"}, "new"]), _VALUES)
_ITEMS = st.sampled_from([1589576400, 1589576401, "3.10", True, None, "text"]).map(lambda value: {"value": value})
_ENTRIES = st.builds(
    lambda kind, items: {"field_id": 7, "field_type": kind, "values": items},
    st.sampled_from(["date", "text", "numeric", "checkbox", "unheard_of"]),
    st.lists(_ITEMS, max_size=3),
)
_CHANGES = st.builds(
    lambda row, entries: row | {"custom_fields_values": entries}, _ROWS, st.lists(_ENTRIES, max_size=2)
)
_SIZES = st.fixed_dictionaries({}, optional={"customers_count": st.integers(0, 9), "updated_at": st.just(1591089999)})
_LOADS = st.lists(_CHANGES, min_size=1, max_size=3).flatmap(
    lambda few: st.lists(  # drawn from a few rows, so that most of them come again
        st.tuples(
            st.lists(st.builds(lambda row, size: row | size, st.sampled_from(few), _SIZES), max_size=3),
            st.sampled_from(["Europe/Moscow", "Europe/Moscow", "Asia/Tokyo"]),
        ),
        min_size=2,
        max_size=5,
    )
)


def _usable(rows: list[Json]) -> list[Json]:
    """The rows with prices that are a list, since anything else is refused."""
    listed = [ROW | row | {"id": 51 + position} for position, row in enumerate(rows)]
    prices = "available_products_price_types"
    return [row if isinstance(row[prices], list) else row | {prices: None} for row in listed]


@given(_LOADS)
@example([([{}], "Europe/Moscow"), ([{"customers_count": 6}], "Europe/Moscow"), ([{}], "Asia/Tokyo")])
def test_a_snapshot_from_the_cache_equals_a_parsed_one(loads: list[tuple[list[Json], str]]) -> None:
    memory: RowCache = {}
    for rows, timezone in loads:
        listed = _usable(rows)
        snapshot, memory = parsed_with_cache(memory, *listed, timezone=timezone)
        whole = parse_snapshot(responses(*listed, timezone=timezone), OBSERVED_AT)
        assert parsed_fully(snapshot) == whole
        for unread in snapshot.unparsed_segments:
            read = unread.read()
            assert (unread.id, unread.customers_count, unread.content_hash) == (
                read.id,
                read.customers_count,
                read.content_hash,
            )
