"""Field contents: exact numbers, days, options by id."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipelines.amocrm.models import FieldValue
from pipelines.writeback.field_content import (
    Content,
    Unsupported,
    content_from_values,
    is_clearing,
    parse_content,
    to_api,
    to_text,
)
from pipelines.writeback.lookup import field_reference, find_field, find_option, option_reference
from pipelines.writeback.yaml_nodes import YamlList, YamlText
from pipelines.writeback.yaml_scalars import to_scalar
from tests.records import field, option

MOSCOW = ZoneInfo("Europe/Moscow")
CHOICES = (option(7, value="A"), option(8, value="B"), option(9, value="7"))
NO_TIME = "is not a time with its offset, like 2026-03-31T09:30:00+03:00"


def of_type(kind: str) -> Any:
    return field(1, *(CHOICES if "select" in kind else ()), type=kind)


def plain(text: str) -> YamlText:
    return YamlText(text=text)


@pytest.mark.parametrize(
    ("kind", "text", "content", "items"),
    [
        ("text", "007", "007", [{"value": "007"}]),
        ("textarea", "a\nb", "a\nb", [{"value": "a\nb"}]),
        ("url", "true", "true", [{"value": "true"}]),
        ("numeric", "0.1000000000000000055", Decimal("0.1000000000000000055"), [{"value": "0.1000000000000000055"}]),
        ("numeric", "9007199254740993", Decimal(9007199254740993), [{"value": "9007199254740993"}]),
        ("numeric", "-12.50", Decimal("-12.5"), [{"value": "-12.50"}]),
        ("checkbox", "true", True, [{"value": True}]),
        ("checkbox", "false", None, [{"value": False}]),
        ("date", "2026-03-31", date(2026, 3, 31), [{"value": 1774904400}]),  # 00:00 in Moscow, 21:00 UTC the day before
        ("date_time", "2026-03-31T00:00:00+03:00", datetime(2026, 3, 30, 21, tzinfo=UTC), [{"value": 1774904400}]),
        ("date_time", "1969-12-31 23:59:59Z", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), [{"value": -1}]),
        ("select", "A", frozenset({7}), [{"enum_id": 7}]),
        ("select", "7", frozenset({7}), [{"enum_id": 7}]),
        ("multiselect", "B", frozenset({8}), [{"enum_id": 8}]),
        ("text", "null", None, None),
        ("multiselect", "~", None, None),
    ],
)
def test_what_is_written_is_read_and_sent(kind: str, text: str, content: Content, items: Any) -> None:
    definition = of_type(kind)
    assert parse_content(definition, plain(text), MOSCOW) == content
    read = parse_content(definition, plain(text), MOSCOW)
    assert to_api(definition, read, MOSCOW) == {"field_id": 1, "values": items}
    assert is_clearing(to_api(definition, read, MOSCOW)) == (items is None)


def test_several_options() -> None:
    named = YamlList(items=(plain("8"), plain("A"), YamlText(text="7", is_quoted=True), plain("A")))
    chosen = parse_content(of_type("multiselect"), named, MOSCOW)
    assert chosen == frozenset({7, 8, 9})
    assert to_api(of_type("multiselect"), chosen, MOSCOW)["values"] == [{"enum_id": 7}, {"enum_id": 8}, {"enum_id": 9}]
    assert parse_content(of_type("multiselect"), YamlList(items=()), MOSCOW) is None


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("numeric", plain("12,5"), "'12,5' is not a number, like 12 or -12.5"),
        ("numeric", plain("1e5"), "'1e5' is not a number, like 12 or -12.5"),
        ("numeric", plain("٥"), "'٥' is not a number, like 12 or -12.5"),
        ("checkbox", plain("yes"), "'yes' is not true or false"),
        ("date", plain("2026-02-30"), "'2026-02-30' is not a date, like 2026-03-31, that Europe/Moscow has"),
        ("date", plain("0001-01-01"), "'0001-01-01' is not a date, like 2026-03-31, that Europe/Moscow has"),
        ("date", plain("20260331"), "'20260331' is not a date, like 2026-03-31, that Europe/Moscow has"),
        ("date_time", plain("2026-03-31T00:00:00"), f"'2026-03-31T00:00:00' {NO_TIME}"),
        ("date_time", plain("0001-01-01T00:00:00+03:00"), f"'0001-01-01T00:00:00+03:00' {NO_TIME}"),
        ("select", plain("C"), "there is no option 'C'"),
        ("select", YamlList(items=(plain("A"),)), "a list, and a field of type select holds one value"),
        ("payer", plain("x"), "a field of type payer can only be emptied, with null: what it may hold is not known"),
    ],
)  # fmt: skip
def test_what_a_type_does_not_take(kind: str, value: YamlText | YamlList, why: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_content(of_type(kind), value, MOSCOW)
    assert str(caught.value) == why


def test_a_day_that_a_timezone_skipped_is_no_date_there() -> None:
    with pytest.raises(ValueError, match="that Pacific/Apia has"):
        parse_content(of_type("date"), plain("2011-12-30"), ZoneInfo("Pacific/Apia"))


def test_a_day_that_begins_at_one_o_clock_is_sent_as_that_instant() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    [item] = to_api(of_type("date"), date(2024, 4, 26), cairo)["values"]
    assert datetime.fromtimestamp(item["value"], cairo).isoformat() == "2024-04-26T01:00:00+03:00"


def held(kind: str, **attributes: Any) -> FieldValue:
    return FieldValue(field_id=1, field_type=kind, position=0, **attributes)


@pytest.mark.parametrize(
    ("kind", "values", "content"),
    [
        ("text", [], None),
        ("text", [held("text", text="")], None),
        ("text", [held("text", text="12", json={"value": 12})], "12"),
        ("checkbox", [held("checkbox", boolean=False)], None),
        ("checkbox", [held("checkbox", boolean=True)], True),
        ("numeric", [held("numeric", number=Decimal(0))], Decimal(0)),
        ("numeric", [held("text", text="a dozen", json={"value": "a dozen"})], Unsupported.VALUE),  # its type changed
        ("date_time", [held("date_time", instant=datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC))], Unsupported.VALUE),
        ("text", [held("text", text="a"), held("text", text="b")], Unsupported.VALUE),
        ("select", [held("select", option_id=7)], frozenset({7})),
        ("select", [held("select", option_id=5)], Unsupported.VALUE),  # an option that the field does not have
        ("multiselect", [held("multiselect", option_id=8), held("multiselect", option_id=7)], frozenset({7, 8})),
        ("multiselect", [held("multiselect", option_id=8), held("multiselect", json={})], Unsupported.VALUE),
        ("payer", [held("payer", json={"value": {}})], Unsupported.VALUE),
    ],
)
def test_what_records_hold(kind: str, values: list[FieldValue], content: Content) -> None:
    found = content_from_values(of_type(kind), values)
    assert found == content
    assert type(found) is type(content)


@pytest.mark.parametrize(
    ("kind", "content", "shown"),
    [
        ("numeric", Decimal("1E+3"), "1000"),
        ("date_time", datetime(2026, 7, 1, 9, tzinfo=UTC), "2026-07-01T12:00:00+03:00"),
        ("date_time", datetime(1900, 1, 1, tzinfo=UTC), "1900-01-01T00:00:00+00:00"),  # Moscow was 2:30:17 ahead
        ("multiselect", frozenset({9, 7}), '[A, "7"]'),
        ("text", "null", '"null"'),
        ("payer", Unsupported.VALUE, '"not of its field\'s type"'),
    ],
)
def test_what_is_shown_and_written(kind: str, content: Content, shown: str) -> None:
    assert to_scalar(to_text(of_type(kind), content, MOSCOW)) == shown


def test_fields_are_found_by_id_name_and_code() -> None:
    fields = (
        field(5, name="6"),
        field(6, name="Rate", code="RATE"),
        field(7, name="Twin"),
        field(8, name="Twin", code="5"),
    )
    assert find_field(fields, plain("6")).id == 6
    assert find_field(fields, YamlText(text="6", is_quoted=True)).id == 5
    assert find_field(fields, plain("RATE")).id == 6
    assert find_field(fields, YamlText(text="5", is_quoted=True)).id == 8
    assert [field_reference(fields, one) for one in fields] == [
        YamlText(text="6", is_quoted=True), YamlText(text="Rate", is_quoted=True), plain("7"), plain("8")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("named", "why"),
    [
        (plain("Twin"), "2 fields are called 'Twin': write the id, 7 or 8, instead"),
        (plain("rate"), "there is no field 'rate': did you mean 'Rate'?"),
        (plain("99"), "there is no field '99'"),
        (YamlText(text="7", is_quoted=True), "there is no field '7'"),
    ],
)
def test_fields_that_cannot_be_found(named: YamlText, why: str) -> None:
    fields = (field(6, name="Rate"), field(7, name="Twin"), field(8, name="Twin"))
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        find_field(fields, named)
    assert str(caught.value) == why


def test_options_are_found_by_code_too_and_without_a_short_label_by_id() -> None:
    odd = (option(8, value=None), option(9, value="x" * 101), option(10, value="x" * 100))
    definition = field(1, option(7, value="A", extra={"code": "FIRST"}), *odd)
    assert find_option(definition, plain("FIRST")).id == 7
    named = [option_reference(definition, one) for one in (7, 8, 9, 10, 11)]
    assert named == [
        YamlText(text="A", is_quoted=True),
        plain("8"),
        plain("9"),
        YamlText(text="x" * 100, is_quoted=True),
        plain("11"),
    ]


def test_a_time_stands_in_the_accounts_timezone_whatever_its_minutes() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    shown = to_text(of_type("date_time"), datetime(2026, 1, 1, tzinfo=UTC), kathmandu)
    assert to_scalar(shown) == "2026-01-01T05:45:00+05:45"
