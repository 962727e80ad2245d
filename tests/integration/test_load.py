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
from pipelines.base.clock import Clock
from pipelines.base.errors import (
    Blocked,
    DatabaseUnavailable,
    IncompleteList,
    InvalidRequest,
    MalformedAnswer,
    Unauthorized,
    Unavailable,
    WrongAccount,
)
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.blocked_hosts import raise_if_blocked
from pipelines.load.context import LoadContext
from pipelines.load.fetch import store_fetched
from pipelines.load.load import (
    PUBLISH_RETRY_WAITS,
    PublishedLoad,
    extract_load,
    load_account,
    publish_load,
    read_stored_responses,
    with_retry,
)
from pipelines.warehouse.raw import purge_responses, read_responses, store_responses
from tests.lock_waits import waits_for_lock
from tests.records import START


class HourlyAccount:
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

    def load(self, hour: float, **changes: Any) -> PublishedLoad:
        """Load the account, or one that differs from it."""
        return load_account(self.context(hour, **changes))

    def context(self, hour: float, **changes: Any) -> LoadContext:
        """Context of a load of the account, or of one that differs from it, at the hour."""
        return LoadContext(self.engine, replace(self.account, **changes), self.settings, clock=self.clock(hour))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


@pytest.fixture
def emulated(engine: Engine, tmp_path: Path) -> Iterator[HourlyAccount]:
    """The company, its emulator running."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        yield HourlyAccount(emulator, engine, tmp_path)


def test_a_load_from_end_to_end(emulated: HourlyAccount) -> None:
    loaded = emulated.load(0)
    assert loaded.published.is_new
    assert emulated.rows("select name, customers_count from analytics.segments order by 1") == [("New", 3), ("VIP", 10)]
    [(account, host, requests)] = emulated.rows(
        "select account_key, host, request_count from amocrm.snapshot join amocrm.account using (account_id)"
    )
    assert (account, host) == ("main", emulated.emulator.host)
    assert requests == len(emulated.emulator.requests)


def test_account_under_a_new_key_goes_on_with_its_history(emulated: HourlyAccount) -> None:
    emulated.load(0)
    emulated.emulator.world.delete_segment(emulated.id, emulated.new)
    loaded = emulated.load(1, key="renamed")
    assert loaded.published.closed_count == 1
    assert emulated.rows("select account_key from amocrm.account") == [("renamed",)]
    assert emulated.rows("select end_reason from amocrm.segment_version where end_reason is not null") == [("deleted",)]


def test_two_keys_of_the_settings_do_not_take_an_account_from_each_other(emulated: HourlyAccount) -> None:
    """As where a token was pasted twice: both would seem to be loaded, and one customer read as another."""
    second = replace(emulated.account, key="second")
    emulated.settings = replace(emulated.settings, accounts=(emulated.account, second))
    emulated.load(0)
    with pytest.raises(WrongAccount, match="whose history is under the key 'main'"):
        emulated.load(1, key="second")
    assert emulated.load(2).published.is_new
    emulated.settings = replace(emulated.settings, accounts=(second,))
    assert emulated.load(3, key="second").published.is_new, "the other key is gone: it was renamed"


def test_token_of_another_account_is_refused(emulated: HourlyAccount) -> None:
    emulated.load(0)
    other = emulated.emulator.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        emulated.load(1, token=Secret(emulated.emulator.long_lived_token(other)))
    assert emulated.rows("select count(*) from amocrm.account") == [(1,)]


def test_failed_load_says_why_and_keeps_what_was_answered(emulated: HourlyAccount) -> None:
    emulated.load(0)
    with emulated.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        emulated.load(1)
    [(error, message, account_id)] = emulated.rows("select error, message, account_id from amocrm.load_failure")
    assert (error, account_id) == ("Unavailable", emulated.id)
    assert "main" in message
    kept = emulated.rows(
        "select distinct resource, status from amocrm.raw_answer"
        " where observed_at > (select max(observed_at) from amocrm.snapshot) order by 1"
    )
    assert kept == [("account", 200), ("segments", 503)]
    assert emulated.load(2).published.is_new


def test_a_lost_connection_is_tried_again_and_told_at_last() -> None:
    slept: list[float] = []
    clock = Clock(now=lambda: START, sleep=slept.append)

    def publish_at_the(number: int) -> int:
        def publish_once() -> int:
            if len(slept) + 1 < number:
                raise DatabaseUnavailable("The connection to Postgres was lost.")
            return number

        return with_retry(publish_once, clock)

    assert publish_at_the(3) == 3
    assert slept == list(PUBLISH_RETRY_WAITS)
    slept.clear()
    with pytest.raises(DatabaseUnavailable):
        publish_at_the(4)


def test_a_mistake_of_the_program_is_noted_without_what_it_says(
    emulated: HourlyAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ValueError("canary")

    monkeypatch.setattr("pipelines.load.fetch.extract", mistaken)
    with pytest.raises(ValueError, match="canary"):
        emulated.load(0)
    [(error, message)] = emulated.rows("select error, message from amocrm.load_failure")
    assert error == "ValueError"
    assert "canary" not in message


@pytest.mark.parametrize("table", ["raw_answer", "load_failure"])
def test_what_amocrm_refused_is_told_where_the_database_refuses_too(emulated: HourlyAccount, table: str) -> None:
    emulated.load(0)
    with emulated.engine.begin() as connection:
        connection.execute(text(f"alter table amocrm.{table} add check (false) not valid"))
    with emulated.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        emulated.load(1)


def test_first_load_that_fails_leaves_only_its_note(emulated: HourlyAccount) -> None:
    with pytest.raises(Unauthorized):
        emulated.load(0, token=Secret("wrong"))
    assert emulated.rows("select error, account_id from amocrm.load_failure") == [("Unauthorized", None)]
    assert emulated.rows("select count(*) from amocrm.account") == [(0,)]


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
def test_wrong_answer_ends_nothing(emulated: HourlyAccount, fault: Effect, error: type[Exception]) -> None:
    emulated.load(0)
    with emulated.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        emulated.load(1)
    assert emulated.rows("select count(*) from amocrm.segment_version where valid_to is null") == [(2,)]
    assert emulated.rows("select count(*) from amocrm.snapshot") == [(1,)]


@pytest.mark.parametrize("fault", [effects.no_content(), effects.items(lambda _: [])])
def test_empty_answer_is_not_believed_at_first_sight(emulated: HourlyAccount, fault: Effect) -> None:
    with emulated.emulator.faults.during(fault, resource="segments", times=1):
        loaded = emulated.load(0)
    assert loaded.summary.segment_count == 2


def test_steps_apart_are_a_load_and_publishing_again_is_none(emulated: HourlyAccount) -> None:
    extracted = extract_load(emulated.context(0))
    assert emulated.rows("select count(*) from amocrm.snapshot") == [(0,)]
    steps: list[Callable[[], PublishedLoad]] = [lambda: publish_load(emulated.context(0), extracted)] * 2
    assert [step().published.is_new for step in steps] == [True, False]


def test_keeping_answers_again_changes_nothing(emulated: HourlyAccount) -> None:
    extracted = extract_load(emulated.context(0))
    responses = read_stored_responses(emulated.context(0), extracted)
    store_fetched(emulated.context(0), extracted, responses)
    assert read_stored_responses(emulated.context(0), extracted) == responses


@pytest.mark.parametrize(("days", "kept"), [(0, 0), (30, 2), (1, 1)])
def test_old_answers_are_purged_with_the_bodies_nobody_needs(emulated: HourlyAccount, days: int, kept: int) -> None:
    emulated.settings = replace(emulated.settings, raw_retention_days=days)
    emulated.load(0)
    emulated.emulator.world.set_size(emulated.id, emulated.vip, 11)
    emulated.load(24.5)
    assert emulated.rows("select count(distinct load_id) from amocrm.raw_answer") == [(kept,)]
    assert emulated.rows(
        "select count(*) from amocrm.raw_body b where not exists"
        " (select from amocrm.raw_answer a where a.account_id = b.account_id and a.body_hash = b.body_hash)"
    ) == [(0,)]


def test_a_body_that_is_purged_is_not_the_one_that_an_answer_arrives_with(emulated: HourlyAccount) -> None:
    extracted = extract_load(emulated.context(0))
    responses = read_stored_responses(emulated.context(0), extracted)
    later, load_id = extracted.observed_at + timedelta(hours=1), uuid4()

    def purged() -> int:
        with emulated.engine.begin() as connection:
            return purge_responses(connection, emulated.id, until=extracted.observed_at)

    with ThreadPoolExecutor() as threads:
        with emulated.engine.begin() as connection:
            store_responses(connection, emulated.id, later, load_id, responses)
            purging = threads.submit(purged)
            assert waits_for_lock(emulated.engine, purging)
        assert purging.result() == len(responses)
    with emulated.engine.connect() as connection:
        assert read_responses(connection, emulated.id, later, load_id) == responses


def test_no_secret_is_stored(emulated: HourlyAccount) -> None:
    emulated.load(0)
    with pytest.raises(Unauthorized):
        emulated.load(1, token=Secret("canary-7c1f"))
    assert isinstance(emulated.account.token, Secret)
    needles = [emulated.account.token.reveal(), "canary-7c1f"]
    tables = [row[0] for row in emulated.rows("select tablename from pg_tables where schemaname = 'amocrm'")]
    stored = " ".join(str(row) for table in tables for row in emulated.rows(f"select t::text from amocrm.{table} t"))
    assert "Unauthorized" in stored
    assert not [needle for needle in needles if needle in stored]


def test_token_that_an_answer_repeats_is_stored_nowhere(emulated: HourlyAccount) -> None:
    emulated.load(0)
    token = emulated.account.token
    assert isinstance(token, Secret)
    echo = effects.error(400, f"Bad header: Authorization: Bearer {token.reveal()}")
    with emulated.emulator.faults.during(echo, resource="segments"), pytest.raises(InvalidRequest) as refused:
        emulated.load(1)
    views = emulated.rows("select 'analytics.' || viewname from pg_views where schemaname = 'analytics'")
    tables = emulated.rows("select 'amocrm.' || tablename from pg_tables where schemaname = 'amocrm'")
    stored = " ".join(str(row) for (name,) in tables + views for row in emulated.rows(f"select t::text from {name} t"))
    bodies = b"".join(zlib.decompress(body) for (body,) in emulated.rows("select body from amocrm.raw_body"))
    assert b"Bad header: Authorization: Bearer ***" in bodies
    assert token.reveal()[:40] not in f"{stored}{refused.value}{bodies.decode()}"


def test_answers_of_another_account_are_not_kept_under_ours(emulated: HourlyAccount) -> None:
    emulated.load(0)
    other = emulated.emulator.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        emulated.load(1, token=Secret(emulated.emulator.long_lived_token(other)))
    kept = b"".join(zlib.decompress(body) for (body,) in emulated.rows("select body from amocrm.raw_body"))
    assert b"Another company" not in kept


def test_answers_of_failed_loads_are_purged_too(emulated: HourlyAccount) -> None:
    emulated.settings = replace(emulated.settings, raw_retention_days=0)
    emulated.load(0)
    with emulated.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        emulated.load(1)
    assert emulated.rows("select count(*) from amocrm.raw_answer") == [(0,)]


def test_host_that_blocked_this_address_is_left_alone_by_the_next_process_too(emulated: HourlyAccount) -> None:
    with emulated.emulator.faults.during(effects.blocked()), pytest.raises(Blocked):
        emulated.load(0)
    asked = len(emulated.emulator.requests)
    with pytest.raises(Blocked, match="another 30 minutes"):  # as the note says; this process itself knows of 60
        emulated.load(0.5)
    assert len(emulated.emulator.requests) == asked
    for hour in (1.5, -24):  # it is over; or a clock that was wrong has noted it
        raise_if_blocked(emulated.settings.data_dir, emulated.emulator.host, emulated.clock(hour).now())


def test_publishing_an_old_load_again_changes_nothing(emulated: HourlyAccount) -> None:
    """As when an old run of Dagster is executed again."""
    old = extract_load(emulated.context(0))
    publish_load(emulated.context(0), old)
    emulated.emulator.world.account(emulated.id).name = "Renamed"
    emulated.emulator.world.switch_mode(emulated.id, "periodicity")
    for hour in (1, 2):
        emulated.load(hour)
    described = "select name, customers_mode from amocrm.account"
    assert emulated.rows(described) == [("Renamed", "periodicity")]
    assert not publish_load(emulated.context(3), old).published.is_new
    assert emulated.rows(described) == [("Renamed", "periodicity")]


@pytest.mark.parametrize("load", [load_account, extract_load])
def test_answers_that_cannot_be_read_leave_a_note(emulated: HourlyAccount, load: Callable[..., object]) -> None:
    strangers = effects.items(lambda rows: [row | {"account_id": 999} for row in rows])
    with emulated.emulator.faults.during(strangers, resource="segments"), pytest.raises(WrongAccount):
        load(emulated.context(0))
    assert emulated.rows("select error from amocrm.load_failure") == [("WrongAccount",)]


def test_instants_are_the_clocks_own(emulated: HourlyAccount) -> None:
    loaded = emulated.load(0.123456)
    assert (
        loaded.extracted.observed_at.astimezone(UTC) == emulated.rows("select observed_at from amocrm.snapshot")[0][0]
    )
    assert isinstance(loaded.extracted.observed_at, datetime)
