"""Lists that change between two requests are never silently wrong.

Ids are never reused and rows keep their order, as amoCRM's do. Under that, a list that is read must hold every row
that was there from the first request to the last, and none that was not there at some moment in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipelines.amocrm.pagination import Page, merge_pages, paginate
from pipelines.base.errors import IncompleteList


@dataclass
class DriftingList:
    """A list as a server pages it, whose rows come and go between requests."""

    ids: list[int]
    page_size: int
    has_totals: bool
    has_numbers: bool
    new_ids: count[int] = field(default_factory=lambda: count(1_000))
    always: set[int] = field(init=False)  # rows that were there all along
    ever: set[int] = field(init=False)  # rows that were there at some moment

    def __post_init__(self) -> None:
        self.always, self.ever = set(self.ids), set(self.ids)

    def change(self, changes: list[tuple[bool, int]]) -> None:
        """Insert and delete rows: each change is whether it is an insertion, and where."""
        for is_insertion, place in changes:
            if is_insertion:
                self.ids.insert(place % (len(self.ids) + 1), next(self.new_ids))
            elif self.ids:
                del self.ids[place % len(self.ids)]
        self.always &= set(self.ids)
        self.ever |= set(self.ids)

    def page(self, number: int) -> Page | None:
        """A page as it is now."""
        shown = tuple(self.ids[(number - 1) * self.page_size : number * self.page_size])
        if not shown and number > 1:
            return None
        page_count = -(-len(self.ids) // self.page_size)
        return Page(
            rows=tuple({"id": one} for one in shown),
            ids=shown,
            total=len(self.ids) if self.has_totals else None,
            number=number if self.has_numbers else None,
            page_count=page_count if self.has_totals and self.has_numbers else None,
            has_next=number < page_count,
            next_number=number + 1 if number < page_count else None,
        )


_CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=3)


@settings(max_examples=300)
@given(
    size=st.integers(0, 12),
    page_size=st.integers(1, 5),
    has_totals=st.booleans(),
    has_numbers=st.booleans(),
    changes=st.lists(_CHANGES, max_size=30),
)
def test_a_list_read_while_it_changes_is_right_or_refused(
    size: int, page_size: int, has_totals: bool, has_numbers: bool, changes: list[list[tuple[bool, int]]]
) -> None:
    server = DriftingList(list(range(1, size + 1)), page_size, has_totals, has_numbers)
    change_between = iter(changes)
    reading = paginate()
    try:
        ask = next(reading)
        while True:
            page = server.page(ask.page)
            ask = reading.send(page)
            server.change(next(change_between, []))
    except IncompleteList:
        event("refused")
        return
    except StopIteration as done:
        whole = merge_pages(done.value)
    event("read")
    found = set(whole.rows)
    assert server.always <= found, "a row that was there all along is missing"
    assert found <= server.ever


@given(size=st.integers(0, 40), page_size=st.integers(1, 50), has_totals=st.booleans(), has_numbers=st.booleans())
def test_a_list_that_stands_still_is_always_read_whole(
    size: int, page_size: int, has_totals: bool, has_numbers: bool
) -> None:
    server = DriftingList(list(range(size, 0, -1)), page_size, has_totals, has_numbers)
    reading, requests = paginate(), 0
    try:
        ask = next(reading)
        while True:
            requests += 1
            ask = reading.send(server.page(ask.page))
    except StopIteration as done:
        whole = merge_pages(done.value)
    assert list(whole.rows) == server.ids
    assert requests == (1 if size <= page_size else 2 * -(-size // page_size))
