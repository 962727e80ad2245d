"""Scans that are killed, doubled, disturbed or run with wrong clocks. Most examples come from random lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine

from emulator import Clock, Emulator, Quirks, effects
from emulator.faults import Effect
from emulator.messages import Response, success
from emulator.routes import PATHS
from pipelines.base.clock import Clock as ScanClock
from pipelines.base.errors import DatabaseUnavailable, IncompleteList, MalformedAnswer, SettingsError, Superseded
from pipelines.customers import scan as scan_module
from pipelines.customers.forget import forget_customer
from pipelines.customers.publish_scan import PublishedScan, publish_scan
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from tests.integration.test_customers import ScannedAccount
from tests.random_scans import RandomLife, Setting, is_search
from tests.records import START
from tests.scan_checks import check_scan

SMALL_PAGES: Final = Quirks(max_limit=5, falls_back_over_max=False)


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> ScannedAccount:
    return ScannedAccount(emulator, engine, tmp_path)


def test_a_scan_killed_at_any_step_goes_on_or_starts_over(engine: Engine, tmp_path: Path) -> None:
    quirks = replace(SMALL_PAGES, hidden_customer_status=403, ignores_event_filters=True)
    setting = Setting(
        mode="segments", timezone="Europe/Moscow", begin=START, customer_count=12, quirks=quirks, max_by_id=2
    )
    with Emulator(clock=Clock(START)) as emulator:
        life = RandomLife(emulator, engine, tmp_path, setting)
        assert life.scan()
        deaths = 0
        for death in range(0, 160, 1 if is_search() else 16):
            life.change(6, death)
            count = life.scan_count
            life.scan_and_die(death)
            deaths += life.scan_count == count
            life.pass_time((0.1, 2)[death % 2])
            assert life.scan()
            check_scan(life)
        assert deaths > 6


def test_a_second_scan_takes_over_and_the_first_one_stops(account: ScannedAccount) -> None:
    account.world.quirks = SMALL_PAGES
    account.world.add_customers(account.id, 12)
    scans: list[PublishedScan] = []

    def scan_meanwhile() -> datetime:
        if len(account.emulator.requests) == begin + 4 and not scans:
            scans.append(account.scan())
        return account.emulator.clock.now()

    begin = len(account.emulator.requests)
    clock = ScanClock(now=scan_meanwhile, sleep=lambda _: None)
    with pytest.raises(Superseded, match="another scan of the account goes on"):
        scan_customers(LoadContext(account.engine, account.account, account.settings, clock=clock))
    assert [scan.customers_count for scan in scans] == [12]
    listed = [one.page for one in account.emulator.requests if one.path == PATHS["customers"]]
    assert len(listed) == 4  # one page twice
    assert account.rows("select count(*) from amocrm.scan") == [(1,)]


def test_publishing_again_after_a_lost_response_is_a_success(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.world.add_customers(account.id, 3)

    def publish_and_lose_the_response(*arguments: object, **options: object) -> PublishedScan:
        monkeypatch.setattr(scan_module, "publish_scan", publish_scan)
        publish_scan(*arguments, **options)  # type: ignore[arg-type]
        raise DatabaseUnavailable("The connection to Postgres was lost.")

    monkeypatch.setattr(scan_module, "publish_scan", publish_and_lose_the_response)
    assert account.scan().customers_count == 3
    assert account.rows("select count(*) from amocrm.scan") == [(1,)]


def test_a_customer_that_is_forgotten_while_a_scan_runs_is_not_stored(account: ScannedAccount) -> None:
    account.world.quirks = SMALL_PAGES
    customers = account.world.add_customers(account.id, 12)
    account.scan()
    stages = [one.id for one in account.world.account(account.id).live_stages()]
    for customer_id in customers:
        account.emulator.clock.advance(timedelta(seconds=3))
        account.world.move_customer(account.id, customer_id, stages[-1])
        account.world.move_customer(account.id, customer_id, stages[0])

    def forget(*numbers: int) -> None:
        for number in numbers:
            forget_customer(account.engine, account.settings.data_dir, "main", account.id, customers[number])

    during = effects.before_response(lambda _: forget(0, 11))
    with account.emulator.faults.during(during, resource="customers", page=2, times=1):
        assert account.scan().customers_count == 10
    for _ in range(2):
        pages = account.rows("select rows from members.page where kind <> 'sizes'")
        assert not {row[0] for (page,) in pages for row in page} & {customers[0], customers[11]}
        open_stays = "select count(*) from members.stays where left_by is null and place = 'stage'"
        assert account.rows(open_stays) == [(10,)]
        assert account.rows("select sum(customers_count) from analytics.stage_sizes") == [(10,)]
        account.scan()


def test_a_customer_listed_as_deleted_stays_gone(account: ScannedAccount) -> None:
    account.world.quirks = SMALL_PAGES
    customers = account.world.add_customers(account.id, 12)
    account.scan()
    gone = effects.repeated_thing(is_deleted=True)
    with account.emulator.faults.during(gone, resource="customers"):
        assert account.scan().gone_count == 1
    account.world.delete_customer(account.id, customers[0])
    assert account.scan().gone_count == 0
    assert account.rows("select sum(left_count) from amocrm.place_day where is_stage") == [(1,)]


def test_an_account_without_customers_is_scanned(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = ScannedAccount(emulator, engine, tmp_path, mode="periodicity")
    account.world.book(account.id)
    assert (account.scan().customers_count, account.scan().request_count) == (0, 1)


def test_events_of_one_second_explain_a_move(account: ScannedAccount) -> None:
    stages = [one.id for one in account.world.account(account.id).live_stages()]
    customer = account.world.add_customer(account.id, stage_id=stages[0])
    for _ in range(3):
        account.world.move_customer(account.id, customer, stages[1])
        account.world.move_customer(account.id, customer, stages[2])
        scan = account.scan()
        account.world.move_customer(account.id, customer, stages[3])
        account.world.move_customer(account.id, customer, stages[0])
        assert account.scan().explained_count == 1
    assert (scan.stage_change_count, scan.explained_count) == (1, 1)
    assert account.rows("select sum(customers_count)::integer from amocrm.stage_move") == [(12,)]


def test_a_timezone_that_leads_to_an_earlier_day_changes_no_earlier_size(account: ScannedAccount) -> None:
    account.world.move_account(account.id, timezone="Pacific/Kiritimati")
    account.load(1)
    account.emulator.clock.set(datetime(2026, 3, 1, 11, tzinfo=UTC))
    account.world.add_customer(account.id)
    account.scan()
    account.world.move_account(account.id, timezone="Pacific/Honolulu")
    account.load(3)
    account.world.add_customer(account.id)
    account.scan()
    sizes = "select observed_date::text, sum(last_count)::integer from amocrm.place_day where is_stage group by 1"
    assert account.rows(sizes) == [("2026-03-02", 2)]


def test_a_clock_that_was_set_back_stops_a_scan_or_is_passed_over(account: ScannedAccount) -> None:
    customers = account.world.add_customers(account.id, 3)
    account.scan()
    now = account.emulator.clock.now()
    early = LoadContext(
        account.engine,
        account.account,
        account.settings,
        clock=ScanClock(now=lambda: now - timedelta(minutes=2), sleep=lambda _: None),
    )
    with pytest.raises(SettingsError, match="2 min ahead of this machine's clock, so nothing was read"):
        scan_customers(early)
    account.world.delete_customer(account.id, customers[0])
    begin = iter([now + timedelta(minutes=5)])
    during = ScanClock(now=lambda: next(begin, now), sleep=lambda _: None)
    assert scan_customers(replace(early, clock=during)).gone_count == 1
    assert account.rows("select bool_and(left_by > left_after) from members.stays") == [(True,)]


def test_a_clock_that_is_far_ahead_stops_a_scan(account: ScannedAccount) -> None:
    account.world.add_customers(account.id, 3)
    ahead = ScanClock(now=lambda: account.emulator.clock.now() + timedelta(days=3), sleep=lambda _: None)
    with pytest.raises(SettingsError, match="3 days ahead of amoCRM's"):
        scan_customers(LoadContext(account.engine, account.account, account.settings, clock=ahead))
    assert account.scan().customers_count == 3


def test_smaller_pages_are_read_from_the_begin_if_earlier_ones_were_short(account: ScannedAccount) -> None:
    account.world.quirks = SMALL_PAGES
    account.world.add_customers(account.id, 23)
    with account.emulator.faults.during(effects.status(504), resource="customers", page=3, times=9):
        assert account.scan().customers_count == 23


@pytest.mark.parametrize("mode", ["segments", "periodicity"])
@pytest.mark.parametrize(
    "changes", [{"status_id": "x"}, {"is_deleted": "no"}, {"_embedded": {"segments": "x"}}, {"_embedded": []}]
)
def test_a_customer_without_a_usable_place_ends_no_stay(
    emulator: Emulator, engine: Engine, tmp_path: Path, changes: dict[str, object], mode: str
) -> None:
    account = ScannedAccount(emulator, engine, tmp_path, mode)
    account.world.add_customer(account.id, segments=[account.first])
    account.scan()
    odd = effects.items(lambda rows: [row | changes for row in rows])
    with account.emulator.faults.during(odd, resource="customers"), pytest.raises(MalformedAnswer):
        account.scan()
    assert account.rows("select count(*) from members.stays where left_by is not null") == [(0,)]
    assert account.scan().customers_count == 1


def test_a_list_whose_pages_repeat_in_turns_ends(account: ScannedAccount) -> None:
    account.world.add_customers(account.id, 2)
    rows = [one.item(account.world.account(account.id)) for one in account.world.book(account.id).customers.values()]
    shown: list[Response] = []

    def alternate(_: Response) -> Response:
        links = {"next": {"href": "https://example.com/?page=9"}}
        shown.append(success({"_embedded": {"customers": [rows[len(shown) % 2]]}, "_links": links}))
        return shown[-1]

    endless = account.emulator.faults.during(Effect(response=alternate), resource="customers")
    with endless, pytest.raises(IncompleteList, match="repeats an earlier one"):
        account.scan()
    assert len(shown) == 3


def test_a_customer_that_could_not_be_read_is_certain_until_its_latest_read(account: ScannedAccount) -> None:
    account.world.quirks = Quirks(hidden_customer_status=403)
    one, two = (account.world.add_customer(account.id) for _ in range(2))
    account.scan()
    account.world.hide_customer(account.id, one)
    now = account.emulator.clock.now() + timedelta(minutes=1)
    account.scan()
    members = account.rows(
        "select customer_id, is_certain from members.members_as_of(:id, :now)", id=account.id, now=now
    )
    assert set(members) == {(one, False), (two, True)}


@pytest.mark.parametrize("count", [None, "x", -1, 10**30])
def test_a_segment_whose_count_is_no_number_has_no_difference(account: ScannedAccount, count: object) -> None:
    account.world.add_customer(account.id, segments=[account.first])
    odd = effects.items(lambda rows: [row | {"customers_count": count} for row in rows])
    with account.emulator.faults.during(odd, resource="segments"):
        assert account.scan().difference_count == 0
