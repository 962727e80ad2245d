"""Forgetting of customers: while a scan runs, with keys that cannot be used, and what the next scans do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, Quirks, effects
from pipelines.base.errors import SettingsError, Superseded
from pipelines.customers import retention
from pipelines.customers.forget import forget_all, forget_customer
from pipelines.customers.forgotten import KEY_FILE
from pipelines.warehouse.engine import open_engine
from tests.accounts import EmulatedAccount
from tests.integration.test_customers import ScannedAccount, dump, numbers


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> ScannedAccount:
    """An account with pages of five customers."""
    account = ScannedAccount(emulator, engine, tmp_path)
    account.world.quirks = Quirks(max_limit=5, falls_back_over_max=False)
    return account


def forget(account: EmulatedAccount, customer: int) -> bool:
    """Forget a customer."""
    return forget_customer(account.engine, account.settings.data_dir, account.account.key, account.id, customer)


def delete_all(account: ScannedAccount) -> int:
    """Delete all stays."""
    return forget_all(account.engine, account.settings.data_dir, account.account.key, account.id)


def scan_with(account: ScannedAccount, page: int, action: Callable[[], object]) -> None:
    """Scan, and act while a page is read."""
    effect = effects.before_response(lambda _: action())
    with account.emulator.faults.during(effect, resource="customers", page=page, times=1):
        account.scan()


@pytest.mark.parametrize("is_first", [True, False], ids=["first scan", "later scan"])
def test_customers_that_are_forgotten_while_a_scan_runs_do_not_come_back(
    account: ScannedAccount, postgres_url: str, *, is_first: bool
) -> None:
    """One that was read already, one on the page that is read, and one of a later page."""
    customers = account.world.add_customers(account.id, 15)
    forgotten = customers[0], customers[7], customers[14]
    if not is_first:
        account.scan()
    scan_with(account, 2, lambda: [forget(account, customer) for customer in forgotten])
    for _ in range(2):
        assert not [one for one in forgotten if str(one) in dump(postgres_url)]
        assert account.rows("select customers_count from analytics.scans order by started_at desc limit 1") == [(12,)]
        account.scan()
    flows = (
        "select sum(customers_count) filter (where to_id is not null) - "
        "coalesce(sum(customers_count) filter (where from_id is not null), 0) "
        "from analytics.place_flows_daily where place = 'stage'"
    )
    assert account.rows(flows) == [(12,)], "each left once"


def test_events_of_a_forgotten_customer_are_not_stored(account: ScannedAccount, postgres_url: str) -> None:
    stages = [stage.id for stage in account.world.account(account.id).live_stages()]
    customer, _ = account.world.add_customers(account.id, 2)
    account.scan()
    assert forget(account, customer)
    assert not forget(account, customer), "nothing is left of it"
    account.world.move_customer(account.id, customer, stages[1])
    account.scan()
    assert str(customer) not in dump(postgres_url)


def test_a_scan_whose_pages_were_deleted_is_not_published(account: ScannedAccount) -> None:
    """Its last pages are not all customers."""
    account.world.add_customers(account.id, 15)
    account.scan()
    with pytest.raises(Superseded, match="deleted"):
        scan_with(account, 3, lambda: delete_all(account))
    assert account.rows("select count(*) from members.stay, members.page") == [(0,)]
    assert account.scan().customers_count == 15


def test_numbers_go_on_after_all_stays_were_deleted(account: ScannedAccount) -> None:
    """Nobody knows who moved meanwhile, so the next scan counts no joins, and no begin of a stay."""
    stages = [stage.id for stage in account.world.account(account.id).live_stages()]
    customers = account.world.add_customers(account.id, 6)
    for customer in customers:
        account.world.move_customer(account.id, customer, stages[0])
    account.scan()
    account.scan()
    flows = "select sum(customers_count) from analytics.place_flows_daily where place = 'stage'"
    assert account.rows(flows) == [(6,)]
    before = numbers(account)
    assert delete_all(account) > 0
    assert numbers(account) == before
    account.scan()
    assert account.rows(flows) == [(6,)]
    assert account.rows("select count(*) from analytics.cohorts") == [(0,)]
    account.world.move_customer(account.id, customers[0], stages[1])
    account.scan()
    assert account.rows(flows) == [(7,)]
    assert account.rows("select stay_count from analytics.stay_durations where place_id = :id", id=stages[1]) == [(1,)]


def test_sizes_and_cohorts_begin_anew_after_all_stays_were_deleted(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No place keeps a size that only the scans before knew, and no month those of its stays that were folded."""
    stage, segment = account.world.account(account.id).live_stages()[0].id, account.world.add_segment(account.id, "VIP")
    account.scan()
    customers = [account.world.add_customer(account.id, stage_id=stage, segments=[segment]) for _ in range(3)]
    account.scan()
    account.world.delete_customer(account.id, customers[0])
    account.scan()
    monkeypatch.setattr(retention, "expired_until", lambda *_: account.emulator.clock.now())
    cohorts = "select sum(entered_count), sum(remained_count) from analytics.cohorts where month_number = 0"
    assert account.rows(cohorts) == [(6, 4)]
    account.emulator.clock.advance(timedelta(hours=1))
    account.world.move_account(account.id, timezone="Pacific/Honolulu")  # where it is still February
    account.load(1)
    with_retention = replace(account.settings, stay_retention_days=1)
    assert retention.fold_old_stays(account.engine, with_retention, now=account.emulator.clock.now()) == 2
    assert account.rows(cohorts) == [(6, 4)]
    delete_all(account)
    account.world.delete_segment(account.id, segment)
    account.load(2)
    account.scan()
    assert account.rows(cohorts) == [(None, None)]
    sizes = (
        "select distinct on (place, place_id) customers_count from analytics.place_money_daily where place_id = :id"
        " order by place, place_id, observed_date desc"
    )
    assert account.rows(sizes, id=segment) == [(0,)]
    assert account.rows(sizes, id=stage) == [(2,)]


def test_stays_begin_with_the_first_customers_of_an_empty_account(account: ScannedAccount) -> None:
    account.scan()
    account.world.add_customers(account.id, 3)
    account.scan()
    assert account.rows("select sum(stay_count) from analytics.stay_durations where place = 'stage'") == [(3,)]


def test_a_key_that_cannot_be_used_stops_scans_until_all_is_deleted(account: ScannedAccount, postgres_url: str) -> None:
    key = account.settings.data_dir / KEY_FILE
    one, two = account.world.add_customers(account.id, 2)
    account.scan()
    forget(account, one)
    assert key.stat().st_mode & 0o777 == 0o600
    contents = key.read_text()
    for damage, sentence in (
        (key.unlink, "is missing"),
        (lambda: key.write_text("0" * 64), "is another one"),
        (lambda: key.write_text(""), "is damaged"),
        (lambda: key.write_text(contents[:-2]), "is damaged"),
        (lambda: key.write_bytes(b"\xff"), "is damaged"),
        (key.unlink, "is missing"),
        (key.mkdir, "cannot be read: Is a directory"),
    ):
        damage()
        with pytest.raises(SettingsError, match=rf"customers\.key {sentence}"):
            account.scan()
        with pytest.raises(SettingsError, match=rf"customers\.key {sentence}"):
            forget(account, two)
    assert account.rows("select count(*) from members.forgotten") == [(1,)]
    key.rmdir()
    key.write_text(contents)
    assert account.scan().customers_count == 1
    delete_all(account)
    assert account.scan().customers_count == 1, "forgotten ones stay forgotten"
    key.unlink()
    delete_all(account)
    assert account.rows("select count(*) from members.forgotten") == [(0,)]
    assert account.scan().customers_count == 2


def test_two_that_begin_at_once_share_one_key(account: ScannedAccount, tmp_path: Path) -> None:
    other = EmulatedAccount(account.emulator, account.engine, tmp_path, "other")
    other.load(0)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda one: forget(one, 77), (account, other)))
    assert len(account.rows("select distinct key_hash from members.forgotten")) == 1


def test_a_loader_scans_and_forgets(account: ScannedAccount, postgres_url: str) -> None:
    """It owns no table."""
    customers = account.world.add_customers(account.id, 6)
    account.engine = open_engine(f"{postgres_url}?options=-crole%3Damocrm_loader")
    account.scan()
    assert forget(account, customers[0])
    assert account.scan().customers_count == 5
    assert delete_all(account) > 0
    assert account.scan().customers_count == 5
    account.engine.dispose()
