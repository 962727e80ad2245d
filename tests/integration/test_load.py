"""One load of one account: from the emulator over HTTP into a real Postgres, and what stays when it fails."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from emulator.faults import Effect
from pipelines.ask import keep
from pipelines.blocks import refuse_blocked
from pipelines.clock import Clock
from pipelines.errors import (
    Blocked,
    DatabaseUnavailable,
    IncompleteList,
    InvalidRequest,
    MalformedAnswer,
    Unauthorized,
    Unavailable,
    WrongAccount,
)
from pipelines.load import PUBLISH_WAITS, Loaded, extract_load, kept_answers, load_account, publish_load, surely
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.raw import keep_answers, purge_answers, read_answers
from tests.lock_waits import is_held_up
from tests.records import START


class Company:
    """An emulated account with two segments, and loads of it at hours that a test names."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        """Open the account."""
        self.emulator, self.engine = emulator, engine
        self.id = emulator.world.add_account("Corner Coffee")
        self.vip = emulator.world.add_segment(self.id, "VIP", size=10)
        self.new = emulator.world.add_segment(self.id, "New", size=3)
        self.settings = Settings(data_dir=root, requests_per_second=10_000.0)
        self.account = AccountSettings(
            key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(self.id))
        )

    def clock(self, hour: float) -> Clock:
        """A clock that stands, and waits for nothing."""
        return Clock(now=lambda: START + timedelta(hours=hour), sleep=lambda _: None)

    def load(self, hour: float, **changes: Any) -> Loaded:
        """Load the account, or one that differs from it."""
        return load_account(self.engine, replace(self.account, **changes), self.settings, clock=self.clock(hour))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


@pytest.fixture
def company(engine: Engine, tmp_path: Path) -> Iterator[Company]:
    """The company, its emulator running."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        yield Company(emulator, engine, tmp_path)


def test_a_load_from_end_to_end(company: Company) -> None:
    loaded = company.load(0)
    assert loaded.published.is_new
    assert company.rows("select name, customers_count from analytics.segments order by 1") == [("New", 3), ("VIP", 10)]
    [(account, host, requests)] = company.rows(
        "select account_key, host, request_count from amocrm.snapshot join amocrm.account using (account_id)"
    )
    assert (account, host) == ("main", company.emulator.host)
    assert requests == len(company.emulator.requests)


def test_account_under_a_new_key_goes_on_with_its_history(company: Company) -> None:
    company.load(0)
    company.emulator.world.delete_segment(company.id, company.new)
    loaded = company.load(1, key="renamed")
    assert loaded.published.closed_count == 1
    assert company.rows("select account_key from amocrm.account") == [("renamed",)]
    assert company.rows("select end_reason from amocrm.segment_version where end_reason is not null") == [("deleted",)]


def test_two_keys_of_the_settings_do_not_take_an_account_from_each_other(company: Company) -> None:
    """As where a token was pasted twice: both would seem to be loaded, and one customer read as another."""
    second = replace(company.account, key="second")
    company.settings = replace(company.settings, accounts=(company.account, second))
    company.load(0)
    with pytest.raises(WrongAccount, match="whose history is under the key 'main'"):
        company.load(1, key="second")
    assert company.load(2).published.is_new
    company.settings = replace(company.settings, accounts=(second,))
    assert company.load(3, key="second").published.is_new, "the other key is gone: it was renamed"


def test_token_of_another_account_is_refused(company: Company) -> None:
    company.load(0)
    other = company.emulator.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        company.load(1, token=Secret(company.emulator.long_lived_token(other)))
    assert company.rows("select count(*) from amocrm.account") == [(1,)]


def test_failed_load_says_why_and_keeps_what_was_answered(company: Company) -> None:
    company.load(0)
    with company.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        company.load(1)
    [(error, message, account_id)] = company.rows("select error, message, account_id from amocrm.load_failure")
    assert (error, account_id) == ("Unavailable", company.id)
    assert "main" in message
    kept = company.rows(
        "select distinct resource, status from amocrm.raw_answer"
        " where observed_at > (select max(observed_at) from amocrm.snapshot) order by 1"
    )
    assert kept == [("account", 200), ("segments", 503)]
    assert company.load(2).published.is_new


def test_a_lost_connection_is_tried_again_and_told_at_last() -> None:
    slept: list[float] = []
    clock = Clock(now=lambda: START, sleep=slept.append)

    def publish_at_the(number: int) -> int:
        def publish_once() -> int:
            if len(slept) + 1 < number:
                raise DatabaseUnavailable("The connection to Postgres was lost.")
            return number

        return surely(publish_once, clock)

    assert publish_at_the(3) == 3
    assert slept == list(PUBLISH_WAITS)
    slept.clear()
    with pytest.raises(DatabaseUnavailable):
        publish_at_the(4)


def test_a_mistake_of_the_program_is_noted_without_what_it_says(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ValueError("canary")

    monkeypatch.setattr("pipelines.ask.extract", mistaken)
    with pytest.raises(ValueError, match="canary"):
        company.load(0)
    [(error, message)] = company.rows("select error, message from amocrm.load_failure")
    assert error == "ValueError"
    assert "canary" not in message


@pytest.mark.parametrize("table", ["raw_answer", "load_failure"])
def test_what_amocrm_refused_is_told_where_the_database_refuses_too(company: Company, table: str) -> None:
    company.load(0)
    with company.engine.begin() as connection:
        connection.execute(text(f"alter table amocrm.{table} add check (false) not valid"))
    with company.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        company.load(1)


def test_first_load_that_fails_leaves_only_its_note(company: Company) -> None:
    with pytest.raises(Unauthorized):
        company.load(0, token=Secret("wrong"))
    assert company.rows("select error, account_id from amocrm.load_failure") == [("Unauthorized", None)]
    assert company.rows("select count(*) from amocrm.account") == [(0,)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (effects.items(lambda items: items[:1]), IncompleteList),
        (effects.items(lambda _: []), IncompleteList),
        (effects.no_content(), IncompleteList),
        (effects.error_called_200(), MalformedAnswer),
        (effects.items(lambda items: [item | {"id": None} for item in items]), MalformedAnswer),
        (effects.items(lambda items: [item | {"account_id": 7} for item in items]), WrongAccount),
    ],
)
def test_wrong_answer_ends_nothing(company: Company, fault: Effect, error: type[Exception]) -> None:
    company.load(0)
    with company.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        company.load(1)
    assert company.rows("select count(*) from amocrm.segment_version where valid_to is null") == [(2,)]
    assert company.rows("select count(*) from amocrm.snapshot") == [(1,)]


@pytest.mark.parametrize("fault", [effects.no_content(), effects.items(lambda _: [])])
def test_empty_answer_is_not_believed_at_first_sight(company: Company, fault: Effect) -> None:
    with company.emulator.faults.during(fault, resource="segments", times=1):
        loaded = company.load(0)
    assert loaded.seen.segment_count == 2


def test_steps_apart_are_a_load_and_publishing_again_is_none(company: Company) -> None:
    extracted = extract_load(company.engine, company.account, company.settings, clock=company.clock(0))
    assert company.rows("select count(*) from amocrm.snapshot") == [(0,)]
    steps: list[Callable[[], Loaded]] = [
        lambda: publish_load(company.engine, extracted, company.settings, clock=company.clock(0))
    ] * 2
    assert [step().published.is_new for step in steps] == [True, False]


def test_keeping_answers_again_changes_nothing(company: Company) -> None:
    extracted = extract_load(company.engine, company.account, company.settings, clock=company.clock(0))
    answers = kept_answers(company.engine, extracted)
    keep(company.engine, extracted, answers)
    assert kept_answers(company.engine, extracted) == answers


@pytest.mark.parametrize(("days", "kept"), [(0, 0), (30, 2), (1, 1)])
def test_old_answers_are_purged_with_the_bodies_nobody_needs(company: Company, days: int, kept: int) -> None:
    company.settings = replace(company.settings, raw_retention_days=days)
    company.load(0)
    company.emulator.world.set_size(company.id, company.vip, 11)
    company.load(24.5)
    assert company.rows("select count(distinct load_id) from amocrm.raw_answer") == [(kept,)]
    assert company.rows(
        "select count(*) from amocrm.raw_body b where not exists"
        " (select from amocrm.raw_answer a where a.account_id = b.account_id and a.body_hash = b.body_hash)"
    ) == [(0,)]


def test_a_body_that_is_purged_is_not_the_one_that_an_answer_arrives_with(company: Company) -> None:
    extracted = extract_load(company.engine, company.account, company.settings, clock=company.clock(0))
    answers = kept_answers(company.engine, extracted)
    later, load_id = extracted.observed_at + timedelta(hours=1), uuid4()

    def purged() -> int:
        with company.engine.begin() as connection:
            return purge_answers(connection, company.id, until=extracted.observed_at)

    with ThreadPoolExecutor() as threads:
        with company.engine.begin() as connection:
            keep_answers(connection, company.id, later, load_id, answers)
            purging = threads.submit(purged)
            assert is_held_up(company.engine, purging)
        assert purging.result() == len(answers)
    with company.engine.connect() as connection:
        assert read_answers(connection, company.id, later, load_id) == answers


def test_no_secret_is_stored(company: Company) -> None:
    company.load(0)
    with pytest.raises(Unauthorized):
        company.load(1, token=Secret("canary-7c1f"))
    assert isinstance(company.account.token, Secret)
    needles = [company.account.token.reveal(), "canary-7c1f"]
    tables = [row[0] for row in company.rows("select tablename from pg_tables where schemaname = 'amocrm'")]
    stored = " ".join(str(row) for table in tables for row in company.rows(f"select t::text from amocrm.{table} t"))
    assert "Unauthorized" in stored
    assert not [needle for needle in needles if needle in stored]


def test_token_that_an_answer_repeats_is_stored_nowhere(company: Company) -> None:
    company.load(0)
    token = company.account.token
    assert isinstance(token, Secret)
    echo = effects.error(400, f"Bad header: Authorization: Bearer {token.reveal()}")
    with company.emulator.faults.during(echo, resource="segments"), pytest.raises(InvalidRequest) as refused:
        company.load(1)
    views = company.rows("select 'analytics.' || viewname from pg_views where schemaname = 'analytics'")
    tables = company.rows("select 'amocrm.' || tablename from pg_tables where schemaname = 'amocrm'")
    stored = " ".join(str(row) for (name,) in tables + views for row in company.rows(f"select t::text from {name} t"))
    bodies = b"".join(zlib.decompress(body) for (body,) in company.rows("select body from amocrm.raw_body"))
    assert b"Bad header: Authorization: Bearer ***" in bodies
    assert token.reveal()[:40] not in f"{stored}{refused.value}{bodies.decode()}"


def test_answers_of_another_account_are_not_kept_under_ours(company: Company) -> None:
    company.load(0)
    other = company.emulator.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        company.load(1, token=Secret(company.emulator.long_lived_token(other)))
    kept = b"".join(zlib.decompress(body) for (body,) in company.rows("select body from amocrm.raw_body"))
    assert b"Another company" not in kept


def test_answers_of_failed_loads_are_purged_too(company: Company) -> None:
    company.settings = replace(company.settings, raw_retention_days=0)
    company.load(0)
    with company.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        company.load(1)
    assert company.rows("select count(*) from amocrm.raw_answer") == [(0,)]


def test_host_that_blocked_this_address_is_left_alone_by_the_next_process_too(company: Company) -> None:
    with company.emulator.faults.during(effects.blocked()), pytest.raises(Blocked):
        company.load(0)
    asked = len(company.emulator.requests)
    with pytest.raises(Blocked, match="another 30 minutes"):  # as the note says; this process itself knows of 60
        company.load(0.5)
    assert len(company.emulator.requests) == asked
    for hour in (1.5, -24):  # it is over; or a clock that was wrong has noted it
        refuse_blocked(company.settings.data_dir, company.emulator.host, company.clock(hour).now())


def test_publishing_an_old_load_again_changes_nothing(company: Company) -> None:
    """As when an old run of Dagster is executed again."""
    old = extract_load(company.engine, company.account, company.settings, clock=company.clock(0))
    publish_load(company.engine, old, company.settings, clock=company.clock(0))
    company.emulator.world.account(company.id).name = "Renamed"
    company.emulator.world.switch_mode(company.id, "periodicity")
    for hour in (1, 2):
        company.load(hour)
    described = "select name, customers_mode from amocrm.account"
    assert company.rows(described) == [("Renamed", "periodicity")]
    assert not publish_load(company.engine, old, company.settings, clock=company.clock(3)).published.is_new
    assert company.rows(described) == [("Renamed", "periodicity")]


@pytest.mark.parametrize("load", [load_account, extract_load])
def test_answers_that_cannot_be_read_leave_a_note(company: Company, load: Callable[..., object]) -> None:
    strangers = effects.items(lambda rows: [row | {"account_id": 999} for row in rows])
    with company.emulator.faults.during(strangers, resource="segments"), pytest.raises(WrongAccount):
        load(company.engine, company.account, company.settings, clock=company.clock(0))
    assert company.rows("select error from amocrm.load_failure") == [("WrongAccount",)]


def test_instants_are_the_clocks_own(company: Company) -> None:
    loaded = company.load(0.123456)
    assert loaded.extracted.observed_at.astimezone(UTC) == company.rows("select observed_at from amocrm.snapshot")[0][0]
    assert isinstance(loaded.extracted.observed_at, datetime)
