"""Scans of customers, from the emulator into a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from emulator import Emulator, Quirks, effects
from emulator.customer import CANARY
from emulator.routes import PATHS
from pipelines.base.errors import Forbidden, MalformedAnswer, SettingsError
from pipelines.customers.forget import forget_all, forget_customer
from pipelines.customers.publish_scan import PublishedScan
from pipelines.customers.retention import fold_old_stays
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.probe.finding import Finding
from pipelines.probe.lists import LARGEST_LIMIT
from pipelines.probe.probe import ProbeResult, probe_file, write_result
from pipelines.warehouse.readers import create_account_reader
from tests.accounts import EmulatedAccount, emulator_clock


class ScannedAccount(EmulatedAccount):
    """An account with customers, scanned with the emulator's time."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, mode: str = "segments") -> None:
        super().__init__(emulator, engine, root, mode=mode)
        self.first, self.second = (self.world.add_segment(self.id, name) for name in ("First", "Second"))
        self.load(0)

    def scan(self) -> PublishedScan:
        """Scan the customers, after a minute."""
        self.emulator.clock.advance(timedelta(minutes=1))
        context = LoadContext(self.engine, self.account, self.settings, clock=emulator_clock(self.emulator))
        return scan_customers(context)


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> ScannedAccount:
    return ScannedAccount(emulator, engine, tmp_path)


def test_a_scan_finds_who_joined_left_and_is_gone(account: ScannedAccount) -> None:
    one, two, three = (account.world.add_customer(account.id, segments=[account.first]) for _ in range(3))
    assert account.scan().customers_count == 3
    account.world.join_segment(account.id, one, account.second)
    account.world.leave_segment(account.id, two, account.first)
    account.world.delete_customer(account.id, three)
    scan = account.scan()
    assert (scan.customers_count, scan.by_id_count, scan.gone_count, scan.kept_count) == (2, 1, 1, 0)
    assert account.rows(
        "select customer_id, place_id, end_reason from members.stays where place = 'segment' order by 1, 2"
    ) == [
        (one, account.first, None),
        (one, account.second, None),
        (two, account.first, "left"),
        (three, account.first, "gone_or_hidden"),
    ]
    assert scan.difference_count == 0


def test_no_personal_value_is_stored_or_logged(
    account: ScannedAccount, postgres_url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    account.world.add_customers(account.id, 5)
    account.scan()
    cut = account.emulator.faults.during(effects.body(f'{{"name": "{CANARY}'), resource="customers")
    with cut, pytest.raises(MalformedAnswer) as error:
        account.scan()
    shown = "".join((str(error.value), repr(error.value.responses), *capsys.readouterr(), caplog.text))
    assert CANARY not in dump(postgres_url) + shown


def test_readers_of_numbers_do_not_read_members(account: ScannedAccount, postgres_url: str) -> None:
    customer = account.world.add_customer(account.id)
    account.scan()
    reader_of_one_account = create_account_reader(account.engine, account.id)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("set session authorization amocrm_members")
        path = connection.execute("select place from members.customer_path(%s, %s)", (account.id, customer)).fetchall()
        assert path == [("stage",)]
        members = connection.execute("select customer_id from members.members_as_of(%s, now())", (account.id,))
        assert members.fetchall() == [(customer,)]
    for role in ("amocrm_reader", "amocrm_account_reader", reader_of_one_account, "public"):
        assert account.rows(f"select has_schema_privilege('{role}', 'members', 'usage')") == [(False,)]
        assert (
            account.rows(
                f"select relname from pg_class where relnamespace = 'members'::regnamespace and relkind in ('r', 'v')"
                f" and has_table_privilege('{role}', oid, 'select')"
            )
            == []
        )
    roundabout = (
        "select proname from pg_proc where prosecdef and prosrc ~ 'members'"
        " union all select viewname from pg_views where schemaname = 'analytics' and definition ~ 'members\\.'"
    )
    assert account.rows(roundabout) == []


def test_a_forgotten_customer_is_in_no_table_and_sums_stay(account: ScannedAccount, postgres_url: str) -> None:
    one, two = (account.world.add_customer(account.id, segments=[account.first, account.second]) for _ in range(2))
    account.scan()
    account.world.leave_segment(account.id, one, account.second)
    account.scan()
    before = numbers(account)
    assert str(one) in dump(postgres_url)
    assert forget_customer(account.engine, account.settings.data_dir, "main", account.id, one)
    assert str(one) not in dump(postgres_url)
    assert numbers(account) == before
    scan = account.scan()
    assert (scan.customers_count, scan.gone_count) == (1, 1)
    assert str(one) not in dump(postgres_url)
    reasons = account.rows("select distinct end_reason from members.stay where customer_id <> :two", two=two)
    assert set(reasons) == {("forgotten",), ("left",)}
    assert account.rows("select distinct reason from analytics.member_differences") == [("forgotten",)]
    (account.settings.data_dir / "customers.key").unlink()
    with pytest.raises(SettingsError, match=r"customers\.key is missing"):
        account.scan()
    assert forget_all(account.engine, account.settings.data_dir, "main", account.id) > 0
    assert str(two) not in dump(postgres_url)


def test_a_scan_that_was_interrupted_goes_on(account: ScannedAccount) -> None:
    account.world.quirks = replace(account.world.quirks, max_limit=5, falls_back_over_max=False)
    account.world.add_customers(account.id, 12)
    with account.emulator.faults.during(effects.status(402), resource="customers", page=3), pytest.raises(Forbidden):
        account.scan()
    assert account.rows("select count(*) from amocrm.scan") == [(0,)]
    account.emulator.requests.clear()
    assert account.scan().customers_count == 12
    assert [one.page for one in account.emulator.requests if one.path == PATHS["customers"]] == [3]


def test_a_customer_without_rights_or_beyond_the_limit_stays(
    account: ScannedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.world.quirks = replace(account.world.quirks, hidden_customer_status=403)
    customers = account.world.add_customers(account.id, 6)
    account.scan()
    monkeypatch.setattr("pipelines.customers.scan.MAX_BY_ID", 2)
    account.world.hide_customer(account.id, customers[0])
    account.world.delete_customer(account.id, customers[1])
    assert (scan := account.scan()).kept_count == 1
    assert scan.gone_count == 1
    for customer in customers[1:5]:
        account.world.hide_customer(account.id, customer)
    scan = account.scan()
    assert (scan.customers_count, scan.gone_count, scan.kept_count) == (5, 0, 4)


def test_events_explain_moves_and_fill_the_past(account: ScannedAccount) -> None:
    stages = [one.id for one in account.world.account(account.id).live_stages()]
    customer = account.world.add_customer(account.id, stage_id=stages[0])
    account.emulator.clock.advance(timedelta(days=1))
    account.world.move_customer(account.id, customer, stages[1], created_by=0)
    account.emulator.clock.advance(timedelta(days=1))
    account.scan()
    account.emulator.clock.advance(timedelta(hours=1))
    account.world.move_customer(account.id, customer, stages[2])
    account.emulator.clock.advance(timedelta(hours=1))
    scan = account.scan()
    assert (scan.stage_change_count, scan.explained_count) == (1, 1)
    assert account.rows(
        "select from_stage_id, to_stage_id, is_automatic, is_backfilled, explained_percent from analytics.stage_moves"
        " order by moved_date"
    ) == [(stages[0], stages[1], True, True, 100), (stages[1], stages[2], False, False, 100)]


def test_retention_deletes_ended_stays_and_keeps_numbers(account: ScannedAccount) -> None:
    one, two = (account.world.add_customer(account.id, segments=[account.first]) for _ in range(2))
    account.scan()
    account.world.join_segment(account.id, one, account.second)
    account.scan()
    account.world.leave_segment(account.id, two, account.first)
    for leave_or_join in (account.world.leave_segment, account.world.join_segment, account.world.leave_segment):
        leave_or_join(account.id, one, account.second)
        account.emulator.clock.advance(timedelta(days=20))
        account.scan()
    before = numbers(account)
    assert fold(account, days=None) == fold(account, days=41) == 0
    assert fold(account, days=19) == 2  # of both customers, one of them found by the first scan
    assert numbers(account) == before
    account.world.join_segment(account.id, two, account.second)
    account.scan()
    assert fold(account, days=0) == 0
    account.emulator.clock.advance(timedelta(days=2))
    months = "select sum(customers_count), sum(folded_count) from amocrm.stay_month where left_month <> 'infinity'"
    assert account.rows(months) == [(2, 1)]
    assert fold(account, days=0) == 1
    account.scan()
    assert account.rows(months) == [(2, 2)]
    entered = "select sum(entered_count) from analytics.cohorts where month_number = 0 and place = 'segment'"
    assert account.rows(entered) == [(3,)]
    assert account.rows("select count(*) from members.stays where left_by is not null") == [(0,)]


def fold(account: ScannedAccount, days: int | None) -> int:
    """Number of stays that retention of so many days deletes."""
    settings = replace(account.settings, stay_retention_days=days)
    return fold_old_stays(account.engine, settings, now=account.emulator.clock.now())


def numbers(account: ScannedAccount) -> list[tuple[object, ...]]:
    """Rows of all views about customers."""
    views = (
        *("stage_sizes_daily", "place_flows_daily", "segment_joins_daily", "segment_overlaps", "stay_durations"),
        *("cohorts", "stage_moves", "place_money_daily", "member_differences", "stage_sizes", "scans"),
    )
    return [row for view in views for row in account.rows(f"select * from analytics.{view} as one order by one::text")]


def dump(url: str) -> str:
    """All rows of all tables of the database, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information)'"
        ).fetchall()
        return "".join(
            str(connection.execute(f"select one::text from {table} as one").fetchall()) for (table,) in tables
        )


def test_a_scan_starts_with_the_page_size_that_a_probe_found(account: ScannedAccount) -> None:
    account.world.add_customers(account.id, 120)
    account.world.quirks = Quirks(customers_504_above=100)
    finding = Finding(subject="customers", name=LARGEST_LIMIT, observed="100")
    found = ProbeResult(findings=[finding], request_count=1, probed_at=account.emulator.clock.now())
    write_result(probe_file(account.settings.data_dir, account.account.key), found)
    assert account.scan().customers_count == 120
    listed = [one for one in account.emulator.requests if one.path == "/api/v4/customers"]
    assert {one.query["limit"] for one in listed} == {"100"}
