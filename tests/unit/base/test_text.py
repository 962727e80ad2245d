"""Changes in words: one sentence each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.account_summary import describe_latest_changes
from pipelines.base.text import MAX_TEXT_LENGTH, format_duration, join_names, to_single_line
from pipelines.report.change_sentences import describe_changes
from pipelines.warehouse.changes import Change

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
BASE = Change(
    observed_at=AT,
    previous_observed_at=AT - timedelta(hours=1),
    thing="segment",
    thing_id=51,
    thing_name="VIP",
    change="changed",
    property=None,
    value_field_name=None,
    old_text=None,
    new_text=None,
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"change": "added"}, "segment 'VIP' added"),
        ({"change": "deleted"}, "segment 'VIP' deleted"),
        ({"change": "returned"}, "segment 'VIP' came back"),
        ({"change": "mode_off"}, "segment 'VIP' ended with the account's mode"),
        ({"change": "mode_on"}, "segment 'VIP' came back with the account's mode"),
        ({"change": "deleted", "thing_name": None}, "segment 51 deleted"),
        (
            {"property": "name", "old_text": "VIP", "new_text": "VIP club", "thing_name": "VIP club"},
            "segment 'VIP' renamed to 'VIP club'",
        ),
        ({"property": "name", "old_text": None, "new_text": "VIP"}, "segment 51 renamed to 'VIP'"),
        (
            {"property": "name", "old_text": "VIP", "new_text": None, "thing_name": None},
            "segment 'VIP' renamed to nothing",
        ),
        (
            {"thing": "option", "property": "name", "old_text": "SMS", "new_text": "Text"},
            "option 'SMS' renamed to 'Text'",
        ),
        (
            {
                "thing": "stage",
                "property": "conditions",
                "old_text": "after purchase: 14 days | tag: A",
                "new_text": "after purchase: 21 days | tag: A",
            },
            "rules of stage 'VIP' changed: after purchase: 14 → 21 days",
        ),
        (
            {"thing": "stage", "property": "sort", "old_text": "10", "new_text": "20"},
            "stage 'VIP' moved from position 10 to 20",
        ),
        (
            {"property": "price_field_ids", "old_text": "1", "new_text": "1, 2"},
            "price fields of segment 'VIP' changed from 1 to 1, 2",
        ),
        (
            {"property": "color", "old_text": "6610f2", "new_text": "2176ff"},
            "color of segment 'VIP' changed from 6610f2 to 2176ff",
        ),
        (
            {"property": "field_value", "value_field_name": "Discount", "old_text": "5", "new_text": "10"},
            "'Discount' of segment 'VIP' changed from 5 to 10",
        ),
        (
            {"property": "field_value", "value_field_name": "Discount", "new_text": "10"},
            "'Discount' of segment 'VIP' set to 10",
        ),
        (
            {"property": "field_value", "value_field_name": "Tier", "old_text": "Gold", "new_text": "from 5 to 10"},
            "'Tier' of segment 'VIP' changed from “Gold” to “from 5 to 10”",
        ),
        (
            {
                "property": "field_value",
                "value_field_name": "Since",
                "old_text": "2026-03-01",
                "new_text": "3/1/26 5:00 PM",
            },
            "'Since' of segment 'VIP' changed from 2026-03-01 to 3/1/26 5:00 PM",
        ),
        (
            {"property": "field_value", "value_field_name": "Open", "old_text": "false", "new_text": "−1 234,5"},
            "'Open' of segment 'VIP' changed from false to −1 234,5",
        ),
        (
            {"property": "field_value", "value_field_name": None, "old_text": "5"},
            "a field of segment 'VIP' cleared, was 5",
        ),
        (
            {"thing": "account", "property": "customers_mode", "old_text": "segments", "new_text": "periodicity"},
            "customers mode of account 'VIP' changed from segments to periodicity",
        ),
        # Beyond what a sentence shows, both are the same.
        (
            {"property": "field_value", "value_field_name": "Note", "old_text": "x" * 99, "new_text": "x" * 100},
            "'Note' of segment 'VIP' changed",
        ),
    ],
)
def test_one_change_in_words(changed: dict[str, Any], told: str) -> None:
    assert [one.text for one in describe_changes([replace(BASE, **changed)])] == [told]


def test_many_that_went_together_make_one_sentence() -> None:
    gone = [replace(BASE, change="mode_off", thing_id=number, thing_name=f"S{number}") for number in range(1, 15)]
    assert [one.text for one in describe_changes(gone)] == [
        "14 segments ended with the account's mode: 'S1', 'S2', 'S3' and 11 more"
    ]


def test_entities_closed_by_a_mode_switch_are_summarized() -> None:
    gone = [replace(BASE, change="mode_off", thing_id=number, thing_name=f"S{number}") for number in (1, 2)]
    assert [one.text for one in describe_changes(gone)] == ["2 segments ended with the account's mode: 'S1', 'S2'"]
    added = [replace(row, change="added") for row in gone]
    assert [one.text for one in describe_changes(added)] == ["segment 'S1' added", "segment 'S2' added"]


def test_snapshots_and_entities_are_counted_apart() -> None:
    earlier = AT - timedelta(days=1)
    rows = [
        replace(BASE, change="added"),
        replace(BASE, change="added", thing="field"),
        replace(BASE, change="added", observed_at=earlier),
    ]
    assert [(one.observed_at, one.text) for one in describe_changes(rows)] == [
        (AT, "segment 'VIP' added"),
        (AT, "field 'VIP' added"),
        (earlier, "segment 'VIP' added"),
    ]


@given(st.text(max_size=300))
def test_cleaned_is_one_printable_line_of_bounded_length(text: str) -> None:
    line = to_single_line(text)
    assert len(line) <= MAX_TEXT_LENGTH
    assert len(line.splitlines()) <= 1
    assert line == line.strip() == to_single_line(line)
    assert not set(line) & {"\0", "\t", "\x1b", "\u202e", "\u2066", "\u200e"}


def test_names_keep_their_letters_and_emoji() -> None:
    assert to_single_line("Ёж 👩‍👩‍👧  и\nкофе") == "Ёж 👩‍👩‍👧 и кофе"


def test_the_demo_shows_the_last_time_in_the_accounts_zone() -> None:
    mailing = replace(BASE, property="field_value", value_field_name="Mailing", old_text="2026-02-20T23:30:00+00:00")
    last = replace(mailing, new_text="2026-02-27T23:30:00+00:00")
    [told] = describe_latest_changes([last, mailing], timezone="Europe/Moscow")
    assert told.text == "'Mailing' of segment 'VIP' changed from 2026-02-21 02:30 to 2026-02-28 02:30"


def test_spans() -> None:
    told = [format_duration(seconds) for seconds in (-5, 40, 3600, 5400, 86_400, 237_600)]
    assert told == ["less than a minute", "1 min", "1 h", "1 h 30 min", "1 day", "2 days 18 h"]


def test_a_list_is_cut_short() -> None:
    assert join_names(["a", "b"], max_names=2) == "a, b"
    assert join_names(["a", "b", "c"], max_names=2) == "a, b and 1 more"
    assert join_names([str(number) for number in range(2_000)]).endswith("18, 19 and 1,980 more")
