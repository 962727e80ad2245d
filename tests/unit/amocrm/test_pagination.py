"""Lists: complete, read again, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.amocrm.models import Json
from pipelines.amocrm.pagination import MAX_PAGES, MAX_PASSES, Page, merge_pages, paginate, parse_page
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.errors import IncompleteList


def page(*ids: int, **facts: Any) -> Page:
    """A page with rows of these ids."""
    return Page(rows=tuple({"id": one} for one in ids), ids=ids, **facts)


def listed(*served: Page | None) -> tuple[list[tuple[int, int]], list[int]]:
    """Serve these pages in turn; returns what was asked for as (pass, page), and the ids of the list in the end."""
    reading, asked, remaining = paginate(), [], list(served)
    try:
        ask = next(reading)
        while True:
            asked.append((ask.pass_number, ask.page))
            ask = reading.send(remaining.pop(0))
    except StopIteration as done:
        assert not remaining, "not all pages were asked for"
        return asked, list(merge_pages(done.value).rows)


ONE = [(1, 1)]
TWO_PASSES = [(1, 1), (2, 1)]
TWO_PASSES_OF_TWO = [(1, 1), (1, 2), (2, 1), (2, 2)]


@pytest.mark.parametrize(
    "only",
    [
        page(51, 21),
        page(51, 21, total=2),
        page(51, 21, total=2, number=1, page_count=1),
        page(51, 21, number=1),
        page(),
        page(total=0, number=1, page_count=0),
        None,
    ],
)
def test_one_page_that_agrees_with_itself_is_a_whole_list(only: Page | None) -> None:
    assert listed(only) == (ONE, list(only.ids) if only else [])


@pytest.mark.parametrize("wrong", [page(1, 2, total=3), page(1, 2, total=1), page(total=60)])
def test_a_consistently_wrong_total_is_accepted_after_a_second_pass(wrong: Page) -> None:
    assert listed(wrong, wrong) == (TWO_PASSES, list(wrong.ids))


def test_a_total_that_was_wrong_once_does_not_matter_when_the_next_look_is_whole() -> None:
    assert listed(page(1, 2, total=3), page(1, 2, 3, total=3)) == (TWO_PASSES, [1, 2, 3])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (page(1, 2, has_next=True, next_number=2), page(3)),
        (page(1, 2, has_next=True), page(3)),  # a link without a page number
        (page(1, 2, has_next=True, next_number=7), page(3)),  # one that skips pages is not followed
        (page(1, 2, page_count=2), page(3, page_count=2)),
        (page(1, 2, number=1, total=3), page(3, number=2, total=3)),
        (page(1, 2, 3, has_next=True), page()),
        (page(1, 2, 3, has_next=True), None),
        (page(1, 2, 3, number=1, total=4), None),
    ],
)
def test_several_pages_are_accepted_after_two_equal_passes(first: Page, second: Page | None) -> None:
    assert listed(first, second, first, second) == (TWO_PASSES_OF_TWO, [1, 2, 3])


def test_passes_must_agree_one_after_the_other() -> None:
    start = page(1, 2, has_next=True)
    asked, ids = listed(start, page(3), start, page(4), start, page(3), start, page(3))
    assert ids == [1, 2, 3]
    assert asked[-1] == (4, 2)


def test_another_order_is_not_the_same() -> None:
    start = page(1, 2, has_next=True)
    assert listed(start, page(3, 4), start, page(4, 3), start, page(4, 3))[1] == [1, 2, 4, 3]


def test_a_pass_of_one_whole_page_ends_the_search() -> None:
    assert listed(page(1, 2, has_next=True), page(3), page(1, 2)) == ([(1, 1), (1, 2), (2, 1)], [1, 2])


def test_a_list_that_never_stands_still_is_refused() -> None:
    served: list[Page | None] = []
    for number in range(MAX_PASSES):
        served += [page(1, 2, has_next=True), page(3 + number)]
    with pytest.raises(IncompleteList, match="4 times"):
        listed(*served)


@pytest.mark.parametrize(
    ("served", "why"),
    [
        ([page(1, has_next=True, next_number=1)], "names page 1 as the next"),
        ([page(1, has_next=True), page(2, has_next=True, next_number=1)], "names page 1 as the next"),
        ([page(1, 2, has_next=True), page(1, 2, has_next=True)], "repeats the page before"),
        ([page(number, has_next=True) for number in range(1, MAX_PAGES + 1)], "no end"),
    ],
)
def test_pages_that_go_in_circles_are_refused(served: list[Page | None], why: str) -> None:
    with pytest.raises(IncompleteList, match=why):
        listed(*served)


def test_a_row_that_always_stands_twice_is_kept_once() -> None:
    twice = page(1, 2, 2)
    assert listed(twice, twice)[1] == [1, 2]
    counted = page(1, 2, 2, total=2)
    assert listed(counted, counted)[1] == [1, 2]


@pytest.mark.parametrize("total", [3, 4])
def test_a_row_that_stands_twice_where_another_is_counted_is_refused(total: int) -> None:
    twice = page(1, 2, 2, total=total)
    with pytest.raises(IncompleteList, match="fewer rows than its total"):
        listed(twice, twice)


def test_one_id_with_two_contents_is_refused() -> None:
    two = Page(rows=({"id": 1, "name": "a"}, {"id": 1, "name": "b"}), ids=(1, 1))
    with pytest.raises(IncompleteList, match="id 1 twice, with different content"):
        listed(two, two)


def test_anomalies_of_a_list_are_recorded() -> None:
    whole = merge_pages([page(1, 2, 2, total=2), page(2, 3, total=2)])
    assert list(whole.rows) == [1, 2, 3]
    assert whole.duplicate_ids == (2,)
    assert whole.is_total_wrong
    assert not merge_pages([page(1, total=2), page(2, total=2)]).is_total_wrong


def test_the_pages_own_lists_are_read(document: Callable[[str], Any]) -> None:
    segments = parse_page(document("segments_list/200.json"), "segments", 1)
    assert (segments.ids, segments.total, segments.number, segments.page_count) == ((51, 21), 2, 1, 1)
    assert not segments.has_next
    stages = parse_page(document("stages_list/200.json"), "stages", 1)
    assert (len(stages.ids), stages.total, stages.number, stages.page_count) == (5, 6, None, None)
    fields = parse_page(document("fields_list/200.json"), "fields", 1)
    assert fields.ids == (269471, 269473, 272427)


@pytest.mark.parametrize("empty", [[], {"_embedded": []}, {"_embedded": {"segments": []}}])
def test_an_empty_list_has_several_forms(empty: Json) -> None:
    assert parse_page(empty, "segments", 1) == page()


@pytest.mark.parametrize(
    "document",
    [
        {},
        None,
        7,
        "segments",
        [{"id": 1}],
        {"status": 500, "title": "Error", "detail": "Try later"},
        {"_embedded": None},
        {"_embedded": {}},
        {"_embedded": {"statuses": []}},
        {"_embedded": {"segments": None}},
        {"_embedded": {"segments": {}}},
        {"_embedded": {"segments": [1]}},
        {"_embedded": {"segments": [{}]}},
    ],
)
def test_what_is_not_this_list_is_never_an_empty_one(document: Json) -> None:
    with pytest.raises(InvalidRecord):
        parse_page(document, "segments", 1)


@pytest.mark.parametrize("number", [2, 0, -1, "2", True, [], {}, 1.5])
def test_another_page_than_requested_is_refused(number: Json) -> None:
    with pytest.raises(InvalidRecord, match="page 1 was requested"):
        parse_page({"_page": number, "_embedded": {"segments": []}}, "segments", 1)


@pytest.mark.parametrize(
    ("link", "has_next", "number"),
    [
        ({"href": "https://example.amocrm.ru/api/v4/customers/segments?page=2&limit=250"}, True, 2),
        ({"href": "https://evil.com/steal?page=2"}, True, 2),
        ({"href": "?limit=250&page=11"}, True, 11),
        ({"href": "https://example.amocrm.ru/?cursor=abc"}, True, None),
        ({"href": "https://[broken?page=2"}, True, None),
        ({"href": "?page=two"}, True, None),
        ({"href": "?page=99999999999"}, True, None),
        ({"href": ""}, False, None),
        ({"href": None}, False, None),
        ({}, False, None),
        (None, False, None),
        ([], False, None),
    ],
)
def test_of_a_link_only_the_page_number_is_read(link: Json, has_next: bool, number: int | None) -> None:
    found = parse_page({"_links": {"next": link}, "_embedded": {"segments": []}}, "segments", 1)
    assert (found.has_next, found.next_number) == (has_next, number)


@pytest.mark.parametrize("value", [None, "6", -1, True, [], {}])
def test_totals_that_are_no_numbers_are_as_good_as_none(value: Json) -> None:
    found = parse_page({"_total_items": value, "_page_count": value, "_embedded": {"segments": []}}, "segments", 1)
    assert (found.total, found.page_count) == (None, None)


def test_totals_of_zero_are_totals() -> None:
    found = parse_page({"_total_items": 0, "_page_count": 0, "_embedded": {"segments": []}}, "segments", 1)
    assert (found.total, found.page_count) == (0, 0)


@pytest.mark.parametrize("number", ["9" * 10, "9" * 5_000])
def test_a_link_with_an_absurd_page_number_has_none(number: str) -> None:
    link = {"href": f"https://example.amocrm.ru/?page={number}"}
    assert parse_page({"_links": {"next": link}, "_embedded": {"segments": []}}, "segments", 1).next_number is None


def test_a_list_may_have_as_many_pages_as_the_limit_allows() -> None:
    once = [page(number, has_next=number < MAX_PAGES) for number in range(1, MAX_PAGES + 1)]
    assert listed(*once, *once)[1] == list(range(1, MAX_PAGES + 1))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("text", "a list is not an object"),
        ({"_embedded": {"other": []}}, "the list has no '_embedded' with 'segments'"),
        ({"_embedded": {"segments": [7]}}, "a segment is not an object"),
        ({"_embedded": {"segments": [{"name": "VIP"}]}}, "a segment has no usable id"),
    ],
)
def test_an_unusable_list_says_what_is_wrong_with_it(document: Json, why: str) -> None:
    with pytest.raises(InvalidRecord, match=f"^{why}$"):
        parse_page(document, "segments", 1)


def test_a_row_that_may_hide_another_is_refused_with_the_reason() -> None:
    with pytest.raises(IncompleteList, match=r"^The list has a row twice and fewer rows than its total\."):
        merge_pages([page(1, 1, total=2)])
