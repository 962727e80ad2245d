"""A probe of responses of any structure ends, and repeats none of their texts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.base.clock import Clock
from pipelines.base.errors import Unavailable
from pipelines.customers.cost import estimate_scan
from pipelines.probe.probe import probe
from pipelines.probe.reader import Reading

SECRET = "Zq9"
KEYS = st.sampled_from(
    [
        *("_embedded", "_links", "next", "href", "_page", "_total_items", "customers", "segments", "events", "0", "1"),
        *("id", "type", "entity_id", "created_at", "created_by", "updated_at", "customers_count", "status_id", "sort"),
        *("customers_mode", "is_api_filter_enabled", "datetime_settings", "timezone", "is_deleted", "enum_id"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 1 << 70) | st.floats(allow_nan=False) | st.just(SECRET)
    | st.sampled_from(["segments", "periodicity", "customer_status_changed", f"http://{SECRET}/?page=2"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=4)
DOCUMENTS = VALUES | st.fixed_dictionaries(
    {"_embedded": st.fixed_dictionaries({"rows": ROWS}), "_links": VALUES, "customers_mode": VALUES}
)
READINGS = st.builds(
    Reading,
    status=st.sampled_from([0, 200, 200, 200, 200, 201, 204, 400, 403, 404, 422, 500, 504]),
    headers=st.fixed_dictionaries({"date": st.just(SECRET), f"x-{SECRET.lower()}": st.just(SECRET)}),
    document=DOCUMENTS,
    byte_count=st.integers(0, 1 << 23),
)


def event(kind: str, value: Any) -> list[Reading]:
    """Responses that all hold one event of this value."""
    row = dict.fromkeys(("id", "entity_id", "created_at", "created_by", "updated_at"), value) | {"type": kind}
    return [Reading(status=200, document={"customers_mode": "segments", "_embedded": {"rows": [row]}} | row)]


class Reader:
    """Responds with the drawn readings, again and again."""

    def __init__(self, readings: list[Reading]) -> None:
        self.readings = readings
        self.request_count = 0
        self.clock = Clock(now=lambda: datetime(2026, 3, 1, tzinfo=UTC))

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Reading:
        assert path.startswith("/api/v4/")
        assert SECRET not in f"{path}{query}"
        self.request_count += 1
        return self.readings[self.request_count % len(self.readings)]


@settings(max_examples=25)
@example(event("customer_deleted", SECRET))
@example(event("customer_status_changed", SECRET))
@example(event("customer_status_changed", {SECRET: [SECRET]}))
@given(st.lists(READINGS, min_size=1, max_size=7))
def test_a_probe_of_any_responses_ends_and_repeats_no_text(readings: list[Reading]) -> None:
    reader: Any = Reader(readings)
    assert SECRET.lower() not in probe(reader).describe().lower()
    assert reader.request_count < 100
    with suppress(Unavailable):
        estimate_scan(reader)
    assert reader.request_count < 200
