"""Requests of scans: pages, customers by id and events, as amoCRM may respond to them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from emulator import Emulator, Quirks, effects
from emulator.faults import Effect
from emulator.routes import PATHS
from pipelines.base.errors import Forbidden, IncompleteList, Unavailable
from pipelines.customers import checkpoint, events
from tests.integration.test_customers import ScannedAccount


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> ScannedAccount:
    return ScannedAccount(emulator, engine, tmp_path)


def pages_of(account: ScannedAccount, resource: str) -> list[int]:
    """Pages of a list that were requested since the last call."""
    pages = [one.page for one in account.emulator.requests if one.path == PATHS[resource]]
    account.emulator.requests.clear()
    return pages


def requested_ids(account: ScannedAccount) -> list[int]:
    """Customers that were requested by id since the list of requests was emptied."""
    prefix = f"{PATHS['customers']}/"
    ids = [one.path.removeprefix(prefix) for one in account.emulator.requests if one.path.startswith(prefix)]
    return [int(one) for one in ids if one.isdecimal()]


def small_pages(monkeypatch: pytest.MonkeyPatch, size: int = 5) -> None:
    """Let scans request this many customers per page."""
    monkeypatch.setattr("pipelines.customers.reader.PAGE_LIMIT", size)
    monkeypatch.setattr("pipelines.customers.reader.PAGE_SIZES", (size, 2))


@pytest.mark.parametrize("past_end", [{}, {"is_past_end_204": False}, {"error": effects.error(404)}])
@pytest.mark.parametrize("count", [10, 12])
def test_a_list_without_links_is_read_to_its_end(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch, past_end: dict[str, Any], count: int
) -> None:
    small_pages(monkeypatch)
    account.world.add_customers(account.id, count)
    account.emulator.faults.add(effects.no_next(), resource="customers")
    if error := past_end.get("error"):
        account.emulator.faults.add(error, resource="customers", page=3 if count == 10 else 4)
    else:
        account.world.quirks = Quirks(**past_end)
    assert account.scan().customers_count == count
    assert pages_of(account, "customers") == [1, 2, 3]


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_list_that_shows_its_first_page_again_ends(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch, is_linked: bool
) -> None:
    """A link to it contradicts itself; without a link, amoCRM may respond so past the end."""
    small_pages(monkeypatch)
    account.world.add_customers(account.id, 12 if is_linked else 5)
    shown: list[Any] = []

    def show(document: Any) -> Any:
        shown.append(document)
        return document

    account.emulator.faults.add(effects.payload(show), resource="customers", page=1)
    account.emulator.faults.add(effects.payload(lambda _: shown[0]), resource="customers", page=3 if is_linked else 2)
    if is_linked:
        with pytest.raises(IncompleteList):
            account.scan()
    else:
        account.world.quirks = Quirks(is_past_end_204=False)
        assert account.scan().customers_count == 5
    assert pages_of(account, "customers") == ([1, 2, 3] if is_linked else [1, 2])


def test_pages_that_are_smaller_than_requested_are_not_mixed_with_other_sizes(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pages with 3 instead of 5, the third one begins elsewhere than page 6 of 2: no customer may be skipped."""
    small_pages(monkeypatch)
    account.world.quirks = Quirks(max_limit=3, falls_back_over_max=False)
    account.world.add_customers(account.id, 12)
    timeout = account.emulator.faults.during(effects.status(504), resource="customers", page=3)
    with timeout, pytest.raises(Unavailable):
        account.scan()
    assert account.scan().customers_count == 12


def test_a_list_that_was_begun_anew_and_interrupted_skips_nobody(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pages for 6 rows with 2 each reach position 12; of pages with 2, five were read when the scan ended."""
    small_pages(monkeypatch, 6)
    account.world.quirks = Quirks(max_limit=2, falls_back_over_max=False)
    account.world.add_customers(account.id, 15)
    account.emulator.faults.add(effects.status(504), resource="customers", page=3, times=4)
    paid = account.emulator.faults.during(effects.status(402), resource="customers", page=6)
    with paid, pytest.raises(Forbidden):
        account.scan()
    account.emulator.requests.clear()
    assert account.scan().customers_count == 15
    assert pages_of(account, "customers")[0] == 6


def test_a_scan_goes_on_with_the_page_size_that_worked(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch)
    account.world.add_customers(account.id, 12)
    slow = account.emulator.faults.add(effects.status(504), resource="customers", page=2, times=4)
    with (
        account.emulator.faults.during(effects.status(402), resource="customers", page=5),
        pytest.raises(Exception, match="402"),
    ):
        account.scan()
    assert slow.hits == 4
    account.emulator.requests.clear()
    assert account.scan().customers_count == 12
    listed = [one for one in account.emulator.requests if one.path == PATHS["customers"]]
    assert [(one.query["limit"], one.page) for one in listed] == [("2", 5), ("2", 6)]


@pytest.mark.parametrize("order", ["id", "updated_at"])
def test_the_first_scan_reads_a_list_twice_that_is_not_by_id(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch, order: Any
) -> None:
    """A change moves a customer of the first page to the end, and the first one of the second page into the gap."""
    small_pages(monkeypatch)
    account.world.quirks = Quirks(customers_order=order)
    customers = account.world.add_customers(account.id, 12)
    for customer in customers[3:]:
        account.emulator.clock.advance(timedelta(seconds=1))
        account.world.purchase(account.id, customer, 100)
    account.world.purchase(account.id, customers[0], 100)
    account.emulator.clock.advance(timedelta(seconds=1))
    change = effects.before_response(lambda world: world.purchase(account.id, customers[1], 100))
    account.emulator.faults.add(change, resource="customers", page=2, times=1)
    assert account.scan().customers_count == 12
    assert pages_of(account, "customers") == ([1, 2, 3] if order == "id" else [1, 2, 3, 1, 2, 3])


def test_hidden_customers_are_requested_rarely_and_their_deletion_is_found(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "DENIED_DAYS", 3)
    customers = account.world.add_customers(account.id, 6)
    account.scan()
    hidden = sorted(customers[:3])
    for customer in hidden:
        account.world.hide_customer(account.id, customer)
    account.emulator.requests.clear()
    assert account.scan().kept_count == 3
    assert requested_ids(account) == hidden
    account.emulator.requests.clear()
    account.world.delete_customer(account.id, hidden[0])
    scans = []
    for _ in range(3):
        account.emulator.clock.advance(timedelta(days=1))
        scans.append(account.scan())
    assert sorted(requested_ids(account)) == hidden
    assert (scans[-1].customers_count, scans[-1].kept_count, sum(one.gone_count for one in scans)) == (5, 2, 1)
    account.world.hide_customer(account.id, hidden[1], is_hidden=False)
    assert account.scan().kept_count == 1


def test_more_hidden_customers_than_a_scan_may_request_delay_deleted_ones_only(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their events are lost. Those that were hidden before they were deleted have their turn, too."""
    monkeypatch.setattr(checkpoint, "DENIED_DAYS", 3)
    monkeypatch.setattr("pipelines.customers.scan.MAX_BY_ID", 2)
    account.world.quirks = Quirks(missing_event_share=1.0)
    customers = account.world.add_customers(account.id, 8)
    account.scan()
    for customer in customers[:5]:
        account.world.hide_customer(account.id, customer)
    for customer in (*customers[:2], *customers[5:7]):
        account.world.delete_customer(account.id, customer)
    gone = 0
    for _ in range(8):
        account.emulator.clock.advance(timedelta(days=1))
        gone += account.scan().gone_count
    assert gone == 4


def test_many_customers_that_are_never_listed_cause_no_second_pass_for_ever(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By id they are read. After three scans each was, and the list is read once again."""
    monkeypatch.setattr("pipelines.customers.scan.MAX_BY_ID", 2)
    account.world.quirks = Quirks(hidden_customer_status=200)
    customers = account.world.add_customers(account.id, 7)
    account.scan()
    for customer in customers[:6]:
        account.world.hide_customer(account.id, customer)
    passes, read = [], set()
    for _ in range(4):
        account.emulator.requests.clear()
        scan = account.scan()
        assert (scan.customers_count, scan.gone_count) == (7, 0)
        read |= set(requested_ids(account))
        passes.append(len(pages_of(account, "customers")))
    assert (passes, read) == ([2, 2, 1, 1], set(customers[:6]))


@pytest.mark.parametrize("is_404", [True, False])
def test_an_unknown_customer_is_gone_by_either_status(account: ScannedAccount, is_404: bool) -> None:
    account.world.quirks = Quirks(is_unknown_customer_404=is_404)
    customers = account.world.add_customers(account.id, 2)
    account.scan()
    del account.world.book(account.id).customers[customers[0]]
    account.world.book(account.id).listed = (("", ""), [customers[1]])
    assert account.scan().gone_count == 1


def test_the_past_is_read_in_pieces_latest_first(account: ScannedAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece of six events ends within a second, whose event the next piece reads."""
    monkeypatch.setattr(events, "EVENT_PAGE_SIZE", 2)
    monkeypatch.setattr(events, "MAX_EVENT_PAGES", 3)
    make_moves(account, 15)
    found = []
    for _ in range(4):
        account.scan()
        found.append((stored_moves(account), coverage(account)))
        make_moves(account, 1)
    part, whole = (True, False, True), (True, True, True)
    assert found == [(5, part), (11, part), (17, whole), (18, whole)]
    sums = "select is_backfilled, sum(customers_count)::int from analytics.stage_moves group by 1 order by 1"
    assert account.rows(sums) == [(False, 3), (True, 15)]


@pytest.mark.parametrize("effect", [effects.error(403), effects.error(400), effects.status(504), effects.html()])
def test_a_scan_needs_no_events_and_the_next_one_reads_them(account: ScannedAccount, effect: Effect) -> None:
    make_moves(account, 3)
    with account.emulator.faults.during(effect, resource="events"):
        assert account.scan().customers_count == 1
    assert (stored_moves(account), coverage(account)) == (0, (False, True, False))
    account.scan()
    assert (stored_moves(account), coverage(account)) == (3, (True, True, True))
    make_moves(account, 1)
    with account.emulator.faults.during(effect, resource="events"):
        assert account.scan().stage_change_count == 1
    assert (stored_moves(account), coverage(account)) == (3, (False, True, True))
    account.scan()
    assert (stored_moves(account), coverage(account)) == (4, (True, True, True))
    assert account.rows("select distinct explained_percent from analytics.stage_moves") == [(None,)]


@pytest.mark.parametrize("is_oldest_first", [True, False])
def test_ignored_filters_cost_few_requests_and_double_nothing(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch, is_oldest_first: bool
) -> None:
    monkeypatch.setattr(events, "EVENT_PAGE_SIZE", 2)
    monkeypatch.setattr(events, "MAX_EVENT_PAGES", 4)
    account.world.quirks = Quirks(ignores_event_filters=True, events_oldest_first=is_oldest_first)
    make_moves(account, 21)
    account.scan()
    assert (stored_moves(account), coverage(account)) == (0 if is_oldest_first else 7, (True, False, True))
    make_moves(account, 3)
    account.emulator.requests.clear()
    account.scan()
    # The wanted events are on the first pages, or on the last ones; older ones than before cannot be reached.
    assert pages_of(account, "events") == ([1] if is_oldest_first else [1, 2, 1])
    assert (stored_moves(account), coverage(account)) == (
        (0, (False, False, True)) if is_oldest_first else (10, (True, False, True))
    )


def test_a_page_of_one_second_does_not_say_that_later_events_were_read(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Automation moves many customers at once; such a page is the first one if the list begins with the oldest."""
    monkeypatch.setattr(events, "EVENT_PAGE_SIZE", 2)
    account.world.quirks = Quirks(ignores_event_filters=True, events_oldest_first=True)
    stage = account.world.account(account.id).live_stages()[1].id
    for customer in account.world.add_customers(account.id, 3):
        account.world.move_customer(account.id, customer, stage, created_by=0)
    account.emulator.clock.advance(timedelta(seconds=5))
    account.scan()
    before = stored_moves(account)
    make_moves(account, 2)
    account.scan()
    assert stored_moves(account) > before or coverage(account)[0] is False


def test_events_that_shift_the_pages_are_counted_once(account: ScannedAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENT_PAGE_SIZE", 4)
    account.world.quirks = Quirks(ignores_event_filters=True)
    make_moves(account, 9)
    account.emulator.faults.add(
        effects.before_response(lambda _: make_moves(account, 1)), resource="events", page=2, times=1
    )
    account.scan()
    assert stored_moves(account) == 9
    account.scan()
    assert stored_moves(account) == 10


def make_moves(account: ScannedAccount, count: int) -> None:
    """Move one customer between stages, once an hour."""
    stages = [one.id for one in account.world.account(account.id).live_stages()]
    book = account.world.book(account.id)
    customer = next(iter(book.customers), None) or account.world.add_customer(account.id, stage_id=stages[0])
    for _ in range(count):
        account.emulator.clock.advance(timedelta(hours=1))
        current = stages.index(book.customers[customer].stage_id)
        account.world.move_customer(account.id, customer, stages[(current + 1) % len(stages)])


def stored_moves(account: ScannedAccount) -> int:
    """Number of moves in the history."""
    [(count,)] = account.rows("select coalesce(sum(customers_count), 0)::int from analytics.stage_moves")
    return int(count)


def coverage(account: ScannedAccount) -> tuple[Any, ...]:
    """Properties of the latest scan: are events complete, do they reach the first one, are there any."""
    [row] = account.rows(
        "select are_events_complete, events_from is null, events_until is not null from analytics.scans"
        " order by started_at desc limit 1"
    )
    return row


def test_no_number_is_too_large_for_the_sum_of_all_customers(account: ScannedAccount) -> None:
    """Postgres holds each of the first ten, and not their sum."""
    account.world.add_customer(account.id)
    numbers = ["9e131071"] * 10 + ["-1e30", "9" * 131, "1e400", "12.5", "7"]
    rows = (
        f'{{"id": {number}, "status_id": 1, "ltv": {ltv}, "_embedded": {{"segments": []}}}}'
        for number, ltv in enumerate(numbers, start=1)
    )
    page = effects.body(f'{{"_embedded": {{"customers": [{", ".join(rows)}]}}}}')
    with account.emulator.faults.during(page, resource="customers"):
        assert account.scan().customers_count == len(numbers)
    assert account.rows("select ltv_sum from analytics.place_money_daily where place = 'stage'") == [(Decimal("19.5"),)]
