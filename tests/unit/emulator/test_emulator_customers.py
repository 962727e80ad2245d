"""Customers: lists and their quirks, rules that move them, events, and the true record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator import Clock, Quirks, World, tokens
from emulator.customer import Customer
from emulator.customer_life import change_at_rate
from emulator.customer_moves import advance_customers
from emulator.entities import Account, Mode
from emulator.messages import Request, Response
from emulator.responses import respond
from emulator.stages import rule
from emulator.tokens import Token

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Shop:
    """One account with customers, and requests to it without any socket."""

    def __init__(self, mode: Mode = "periodicity", **quirks: Any) -> None:
        self.world = World(clock=Clock(NOW), quirks=Quirks(**quirks))
        self.id = self.world.add_account(mode=mode)
        self.account = self.world.account(self.id)
        self.recent, self.expected, self.missed, self.closed = self.account.stages
        self.segments = [self.world.add_segment(self.id, name) for name in "ABC"]

    def get(self, path: str = "customers", /, **query: Any) -> Response:
        token = Token(
            id="1",
            account_id=self.id,
            user_id=self.account.admin_id,
            issued_at=NOW,
            expires_at=NOW + 999 * DAY,
            api_domain="here",
            client_id="test",
        )
        headers = {"authorization": "Bearer " + tokens.write(token, self.world.secret)}
        texts = {name: str(value) for name, value in query.items()}
        return respond(self.world, Request(method="GET", path=f"/api/v4/{path}", query=texts, headers=headers))

    def ids(self, **query: Any) -> list[int]:
        return [row["id"] for row in rows(self.get(**query))]

    def stage_of(self, customer_id: int) -> int:
        status_id: int = self.get(f"customers/{customer_id}").payload["status_id"]
        return status_id

    def pass_days(self, days: float) -> None:
        self.world.clock.advance(days * DAY)


def rows(response: Response) -> list[dict[str, Any]]:
    if response.status == 204:
        return []
    embedded = response.payload["_embedded"]
    listed: list[dict[str, Any]] = embedded[next(iter(embedded))]
    return listed


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_pages_have_links_and_no_totals_and_a_limit_over_the_maximum_falls_back(shop: Shop) -> None:
    added = shop.world.add_customers(shop.id, 260)
    first = shop.get(limit=250)
    assert set(first.payload) == {"_page", "_links", "_embedded"}
    assert "page=2" in first.payload["_links"]["next"]["href"]
    second = shop.get(limit=250, page=2)
    assert "next" not in second.payload["_links"]
    assert [row["id"] for row in rows(first) + rows(second)] == added
    assert shop.get(limit=250, page=3).status == 204
    assert len(rows(shop.get(limit=251))) == len(rows(shop.get())) == 50
    shop.world.quirks = Quirks(falls_back_over_max=False, is_past_end_204=False, customers_504_above=100)
    assert shop.get(limit=101).status == 504
    assert len(rows(shop.get(limit=100))) == 100
    past_end = shop.get(limit=100, page=4)
    assert (past_end.status, rows(past_end)) == (200, [])


def test_personal_values_are_canaries(shop: Shop) -> None:
    customer_id = shop.world.add_customer(shop.id, segments=shop.segments[:2], tags=[174_727])
    (row,) = rows(shop.get())
    assert row["name"] == f"CANARY-NAME-{customer_id}"
    assert row["custom_fields_values"][0]["values"][0]["value"] == f"CANARY-PHONE-{customer_id}"
    assert row["_embedded"]["segments"] == [{"id": one} for one in shop.segments[:2]]
    assert row["_embedded"]["tags"][0]["name"] == "CANARY-TAG-174727"


def test_filters_are_ignored_unless_the_account_has_the_option(shop: Shop) -> None:
    first = shop.world.add_customer(shop.id)
    shop.pass_days(1)
    second = shop.world.add_customer(shop.id)
    later = int((NOW + DAY).timestamp())
    assert shop.ids(**{"filter[updated_at][from]": later}) == [first, second]
    account = shop.get("account", **{"with": "is_api_filter_enabled"}).payload
    assert account["is_api_filter_enabled"] is False
    shop.world.enable_filter(shop.id)
    assert shop.ids(**{"filter[updated_at][from]": later}) == [second]
    assert shop.ids(**{"filter[id][]": first}) == [first]
    assert shop.get(**{"filter[updated_at][from]": 10**10}).status == 204


def test_a_list_by_updated_at_moves_what_changes_to_its_end() -> None:
    shop = Shop(customers_order="updated_at", segment_moves_customer_updated_at=False)
    one, two, three = (shop.world.add_customer(shop.id) for _ in range(3))
    shop.pass_days(1 / 24)
    shop.world.join_segment(shop.id, two, shop.segments[0])
    shop.world.move_customer(shop.id, one, shop.closed)
    assert shop.ids() == [two, three, one]


def test_customers_are_gone_or_hidden(shop: Shop) -> None:
    deleted, hidden, shown = (shop.world.add_customer(shop.id) for _ in range(3))
    shop.world.delete_customer(shop.id, deleted)
    shop.world.hide_customer(shop.id, hidden)
    assert shop.ids() == [shown]
    by_id = {one: shop.get(f"customers/{one}").status for one in (deleted, hidden, shown, 5)}
    assert by_id == {deleted: 204, hidden: 403, shown: 200, 5: 204}
    shop.world.quirks = Quirks(hidden_customer_status=200, is_deleted_customer_204=False)
    assert shop.get(f"customers/{hidden}").payload["is_deleted"] is False
    assert shop.get(f"customers/{deleted}").payload["is_deleted"] is True
    shop.world.quirks = Quirks(hidden_customer_status=204)
    assert shop.get(f"customers/{hidden}").status == 204


@pytest.mark.parametrize("mode", ["unavailable", "disabled"])
def test_an_account_without_customers_responds_400(mode: Mode) -> None:
    given = Shop(mode).get()
    assert (given.status, given.payload["detail"]) == (400, "Error 426.")


def test_rules_move_customers_at_their_instants(shop: Shop) -> None:
    world = shop.world
    waiting = world.add_stage(shop.id, "Waiting", sort=20, conditions=[[rule("after_purchase", 14)]])
    tagged = world.add_stage(shop.id, "Tagged", sort=30, conditions=[[{"type": "tag", "match": {"value": [7]}}]])
    customer_id = world.add_customer(shop.id, periodicity=30)
    world.purchase(shop.id, customer_id, 2_000)
    midnight = datetime(2026, 3, 30, 21, tzinfo=UTC)  # of March 31 in Moscow
    expected = [
        (shop.recent, NOW, NOW + 14 * DAY),
        (waiting, NOW + 14 * DAY, midnight),
        (shop.expected, midnight, midnight + DAY),
        (shop.missed, midnight + DAY, midnight + 60 * DAY),
        (shop.closed, midnight + 60 * DAY, NOW + 100 * DAY),
        (tagged, NOW + 100 * DAY, None),
    ]
    shop.pass_days(100)
    assert shop.stage_of(customer_id) == shop.closed
    world.tag_customer(shop.id, customer_id, 7)
    assert shop.stage_of(customer_id) == tagged
    assert [(one.place_id, one.entered_at, one.left_at) for one in world.book(shop.id).stays()] == expected


def test_customers_of_a_deleted_stage_move_after_a_while_and_those_of_a_segment_leave(shop: Shop) -> None:
    stage_id = shop.world.add_stage(shop.id, "Short")
    customer_id = shop.world.add_customer(shop.id, stage_id=stage_id, segments=shop.segments)
    shop.world.delete_stage(shop.id, stage_id)
    shop.world.delete_segment(shop.id, shop.segments[0])
    shop.pass_days(59 / 86_400)
    assert shop.stage_of(customer_id) == stage_id
    assert rows(shop.get())[0]["_embedded"]["segments"] == [{"id": one} for one in shop.segments[1:]]
    shop.pass_days(2 / 86_400)
    assert shop.stage_of(customer_id) == shop.recent
    (moved,) = [one for one in shop.world.book(shop.id).past_stays if one.kind == "stage"]
    assert moved.left_at == NOW + timedelta(seconds=60)


def test_events_tell_moves_and_who_made_them(shop: Shop) -> None:
    assert shop.get("events").status == 204
    customer_id = shop.world.add_customer(shop.id, segments=shop.segments)
    shop.pass_days(1)
    shop.world.move_customer(shop.id, customer_id, shop.closed)
    shop.pass_days(1)
    shop.world.purchase(shop.id, customer_id)
    shop.world.delete_customer(shop.id, customer_id)
    moves = rows(shop.get("events", **{"filter[type]": "customer_status_changed"}))
    shown = [
        (one["created_by"], *(one[key][0]["customer_status"]["id"] for key in ("value_before", "value_after")))
        for one in moves
    ]
    assert shown == [(0, shop.closed, shop.recent), (shop.account.admin_id, shop.recent, shop.closed)]
    types = [one["type"] for one in rows(shop.get("events", limit=500))]
    assert types == ["customer_deleted", *["customer_status_changed"] * 2, "customer_added"]
    until = int((NOW + DAY).timestamp())
    assert len(rows(shop.get("events", **{"filter[created_at][to]": until, "filter[created_at][from]": until}))) == 1
    shop.world.quirks = Quirks(events_kept_days=1)
    assert len(rows(shop.get("events"))) == 3
    shop.world.quirks = Quirks(ignores_event_filters=True)
    assert len(rows(shop.get("events", **{"filter[type]": "customer_added"}))) == 4


def test_a_share_of_events_is_missing() -> None:
    shop = Shop(missing_event_share=0.3)
    for _ in range(300):
        shop.world.add_customer(shop.id)
    assert 180 < sum(not one.is_missing for one in shop.world.book(shop.id).events) < 240
    assert len(rows(shop.get("events", limit=250))) == 100


def test_customers_change_between_pages_the_same_way_each_time() -> None:
    def scanned() -> tuple[list[int], Any]:
        shop = Shop(customer_changes_per_page=2.5)
        shop.world.add_customers(shop.id, 300)
        shown = [one for page in range(1, 7) for one in shop.ids(limit=50, page=page)]
        return shown, shop.world.to_json()

    first = scanned()
    assert first == scanned()
    assert len(first[1]["customers"][0]["past_stays"]) > 3


def test_sizes_may_lag_behind_the_customers() -> None:
    shop = Shop("segments", size_lag_seconds=3_600)
    customer_id = shop.world.add_customer(shop.id)

    def size() -> int:
        (row,) = [one for one in rows(shop.get("customers/segments")) if one["id"] == shop.segments[0]]
        count: int = row["customers_count"]
        return count

    assert size() == 0
    shop.world.join_segment(shop.id, customer_id, shop.segments[0])
    shop.pass_days(0.5 / 24)
    assert size() == 0
    shop.pass_days(0.5 / 24)
    assert size() == 1


def test_counts_and_the_record_agree_through_random_changes() -> None:
    shop = Shop("segments")
    shop.world.add_customers(shop.id, 100)
    for step in range(400):
        shop.pass_days(1 / 24)
        change_at_rate(shop.world, shop.id, 1)
        if step == 200:
            shop.world.delete_segment(shop.id, shop.segments[1])
            shop.world.switch_mode(shop.id, "periodicity")
        advance_customers(shop.world, shop.id, shop.world.now())
    book = shop.world.book(shop.id)
    for segment in shop.account.live_segments():
        assert segment.customers_count == len(book.members("segment", segment.id, shop.world.now()))
    now_in = {one.customer_id: one.place_id for one in book.stays() if one.kind == "stage" and one.left_at is None}
    assert now_in == {one.id: one.stage_id for one in book.customers.values() if one.deleted_at is None}
    assert all(one.left_at is None or one.entered_at <= one.left_at for one in book.stays())
    restored = World.from_json(shop.world.to_json(), clock=Clock(shop.world.now()))
    assert restored.to_json() == shop.world.to_json()
    assert restored.book(shop.id).stays() == book.stays()
    for world in (restored, shop.world):
        advance_customers(world, shop.id, shop.world.now() + 90 * DAY)
    assert restored.book(shop.id).stays() == book.stays()


def test_pages_of_many_customers_are_made_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    shop.world.add_customers(shop.id, 5_000)
    made: list[int] = []
    item = Customer.item

    def counted(customer: Customer, account: Account) -> Any:
        made.append(customer.id)
        return item(customer, account)

    monkeypatch.setattr(Customer, "item", counted)
    assert len(shop.ids(limit=250, page=9)) == len(made) == 250
    shop.world.quirks = replace(shop.world.quirks, customers_order="updated_at")
    assert len(shop.ids(limit=250, page=9)) == 250
    assert len(made) == 500
