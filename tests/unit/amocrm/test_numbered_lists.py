"""PHP writes an array whose keys have holes as an object: it is read as the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.entities import ParseContext, parse_field, parse_segment, parse_stage
from pipelines.amocrm.error_document import describe_error_document
from pipelines.amocrm.numbered_lists import as_list
from pipelines.amocrm.pagination import merge_pages, parse_page
from pipelines.amocrm.validation import InvalidRecord

RULE = {
    "type": "before_purchase",
    "match": {"value": {"5": "a"}},
    "conditions": [{"value": 0}],
}
ROWS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (parse_stage, {"id": 1, "conditions": [[RULE, RULE | {"type": "tag"}], [RULE]]}),
    (
        parse_field,
        {
            "id": 1,
            "type": "category",
            "enums": [{"id": 5, "value": "a"}, {"id": 6, "value": "b"}],
            "nested": [{"id": 5, "parent_id": None}, {"id": 6, "parent_id": 5}],
            "required_statuses": [{"status_id": 142}],
            "hidden_statuses": [],
        },
    ),
    (
        parse_segment,
        {
            "id": 1,
            "available_products_price_types": [7, 8, "no id"],
            "custom_fields_values": [
                {"field_id": 3, "field_type": "multiselect", "values": [{"enum_id": 5}, {"enum_id": 6}]},
                {"field_id": 4, "field_type": "text", "values": [{"value": "b"}, {"value": "a"}]},
            ],
        },
    ),
]


@given(data=st.data())
def test_any_list_of_a_row_as_an_object_gives_an_equal_record(data: st.DataObject) -> None:
    parse, row = data.draw(st.sampled_from(ROWS))

    def maybe_numbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: maybe_numbered(item) for key, item in value.items()}
        if not isinstance(value, list):
            return value
        items = [maybe_numbered(item) for item in value]
        if data.draw(st.booleans()):
            return items
        numbers = sorted(data.draw(st.sets(st.integers(0, 10**20), min_size=len(items), max_size=len(items))))
        pairs = data.draw(st.permutations(list(zip(map(str, numbers), items, strict=True))))
        return dict(pairs)

    written = maybe_numbered(row)
    found, anomalies = parsed(parse, written)
    assert found == parsed(parse, row)[0]
    assert ("list_as_object" in anomalies) == (written != row)


def parsed(parse: Callable[..., Any], row: dict[str, Any]) -> tuple[Any, set[str]]:
    log = AnomalyLog()
    record = parse(row, ParseContext(account_id=1, timezone=ZoneInfo("UTC"), anomaly_log=log))
    return record, {anomaly.kind for anomaly in log.all()}


def test_a_list_of_rows_may_be_an_object() -> None:
    numbered = parse_page({"_embedded": {"segments": {"0": {"id": 1}, "2": {"id": 2}}}}, "segments", 1)
    assert numbered.ids == (1, 2)


def test_so_may_the_errors_of_a_response() -> None:
    errors = {"0": {"errors": {"0": {"path": "name", "detail": "too long", "code": "Length"}}}}
    assert describe_error_document({"validation-errors": errors}) == "name: too long (Length)"


@pytest.mark.parametrize("value", [{"a": 1}, {"0": 1, "a": 2}, {"-1": 1}, {"²": 1}, {"0": 1, "00": 2}, "0", 0, None])
def test_other_objects_are_no_lists(value: Any) -> None:
    assert as_list(value) is value


def test_a_row_may_be_listed_twice_in_both_forms() -> None:
    row, numbered = {"id": 1, "enums": [{"id": 5}]}, {"id": 1, "enums": {"0": {"id": 5}}}
    pages = [parse_page({"_embedded": {"custom_fields": [one]}}, "fields", 1) for one in (row, numbered)]
    assert merge_pages(pages).duplicate_ids == (1,)


def test_one_rule_instead_of_a_list_of_rules_is_refused() -> None:
    with pytest.raises(InvalidRecord):
        parsed(parse_stage, {"id": 1, "conditions": RULE})
