"""One load of one account, from the emulator into a real Postgres."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from emulator import Quirks, effects
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
from pipelines.load.blocked_hosts import raise_if_blocked
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
from pipelines.probe.finding import Finding
from pipelines.probe.lists import LARGEST_LIMIT
from pipelines.probe.probe import ProbeResult, probe_file, write_result
from pipelines.warehouse.raw import purge_responses, read_responses, store_responses
from tests.accounts import Shop
from tests.lock_waits import waits_for_lock
from tests.records import START


def test_a_load_from_end_to_end(account: Shop) -> None:
    loaded = account.load(0)
    assert loaded.published.is_new
    assert account.rows("select name, customers_count from analytics.segments order by 1") == [("New", 3), ("VIP", 10)]
    [(account_key, host, requests)] = account.rows(
        "select account_key, host, request_count from amocrm.snapshot join amocrm.account using (account_id)"
    )
    assert (account_key, host) == ("main", account.emulator.host)
    assert requests == len(account.emulator.requests)


def test_account_under_a_new_key_goes_on_with_its_history(account: Shop) -> None:
    account.load(0)
    account.world.delete_segment(account.id, account.new)
    loaded = account.load(1, key="renamed")
    assert loaded.published.closed_count == 1
    assert account.rows("select account_key from amocrm.account") == [("renamed",)]
    assert account.rows("select end_reason from amocrm.segment_version where end_reason is not null") == [("deleted",)]


def test_two_keys_of_the_settings_do_not_take_an_account_from_each_other(account: Shop) -> None:
    """As where a token was pasted twice: both would seem to be loaded, and one customer read as another."""
    second = replace(account.account, key="second")
    account.settings = replace(account.settings, accounts=(account.account, second))
    account.load(0)
    with pytest.raises(WrongAccount, match="whose history is under the key 'main'"):
        account.load(1, key="second")
    assert account.load(2).published.is_new
    account.settings = replace(account.settings, accounts=(second,))
    assert account.load(3, key="second").published.is_new, "the other key is gone: it was renamed"


def test_token_of_another_account_is_refused(account: Shop) -> None:
    account.load(0)
    other = account.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        account.load(1, token=Secret(account.emulator.long_lived_token(other)))
    assert account.rows("select count(*) from amocrm.account") == [(1,)]


def test_a_failed_load_stores_its_error_and_responses(account: Shop) -> None:
    account.load(0)
    with account.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        account.load(1)
    [(error, message, account_id)] = account.rows("select error, message, account_id from amocrm.load_failure")
    assert (error, account_id) == ("Unavailable", account.id)
    assert "main" in message
    kept = account.rows(
        "select distinct resource, status from amocrm.raw_answer"
        " where observed_at > (select max(observed_at) from amocrm.snapshot) order by 1"
    )
    assert kept == [("account", 200), ("segments", 503)]
    assert account.load(2).published.is_new


def test_a_lost_connection_is_retried_then_reported() -> None:
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


def test_internal_errors_are_recorded_without_their_message(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ValueError("canary")

    monkeypatch.setattr("pipelines.load.fetch.extract", mistaken)
    with pytest.raises(ValueError, match="canary"):
        account.load(0)
    [(error, message)] = account.rows("select error, message from amocrm.load_failure")
    assert error == "ValueError"
    assert "canary" not in message


@pytest.mark.parametrize("table", ["raw_answer", "load_failure"])
def test_amocrms_error_is_raised_even_if_the_failure_cannot_be_stored(account: Shop, table: str) -> None:
    account.load(0)
    account.execute(f"alter table amocrm.{table} add check (false) not valid")
    with account.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        account.load(1)


def test_a_failed_first_load_stores_only_its_failure(account: Shop) -> None:
    with pytest.raises(Unauthorized):
        account.load(0, token=Secret("wrong"))
    assert account.rows("select error, account_id from amocrm.load_failure") == [("Unauthorized", None)]
    assert account.rows("select count(*) from amocrm.account") == [(0,)]


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
def test_a_wrong_response_closes_no_version(account: Shop, fault: Effect, error: type[Exception]) -> None:
    account.load(0)
    with account.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        account.load(1)
    assert account.rows("select count(*) from amocrm.segment_version where valid_to is null") == [(2,)]
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]


@pytest.mark.parametrize("fault", [effects.no_content(), effects.items(lambda _: [])])
def test_an_empty_list_is_read_again(account: Shop, fault: Effect) -> None:
    with account.emulator.faults.during(fault, resource="segments", times=1):
        loaded = account.load(0)
    assert loaded.summary.segment_count == 2


def test_separate_steps_publish_once(account: Shop) -> None:
    extracted = extract_load(account.context(0))
    assert account.rows("select count(*) from amocrm.snapshot") == [(0,)]
    steps: list[Callable[[], PublishedLoad]] = [lambda: publish_load(account.context(0), extracted)] * 2
    assert [step().published.is_new for step in steps] == [True, False]


def test_storing_responses_twice_changes_nothing(account: Shop) -> None:
    extracted = extract_load(account.context(0))
    responses = read_stored_responses(account.context(0), extracted)
    store_fetched(account.context(0), extracted, responses)
    assert read_stored_responses(account.context(0), extracted) == responses


@pytest.mark.parametrize(("days", "kept"), [(0, 0), (30, 2), (1, 1)])
def test_old_responses_are_purged_with_unreferenced_bodies(account: Shop, days: int, kept: int) -> None:
    account.settings = replace(account.settings, raw_retention_days=days)
    account.load(0)
    account.world.set_size(account.id, account.vip, 11)
    account.load(24.5)
    assert account.rows("select count(distinct load_id) from amocrm.raw_answer") == [(kept,)]
    assert account.rows(
        "select count(*) from amocrm.raw_body b where not exists"
        " (select from amocrm.raw_answer a where a.account_id = b.account_id and a.body_hash = b.body_hash)"
    ) == [(0,)]


def test_a_purge_keeps_bodies_of_concurrent_loads(account: Shop) -> None:
    extracted = extract_load(account.context(0))
    responses = read_stored_responses(account.context(0), extracted)
    later, load_id = extracted.observed_at + timedelta(hours=1), uuid4()

    def purged() -> int:
        with account.engine.begin() as connection:
            return purge_responses(connection, account.id, until=extracted.observed_at)

    with ThreadPoolExecutor() as threads:
        with account.engine.begin() as connection:
            store_responses(connection, account.id, later, load_id, responses)
            purging = threads.submit(purged)
            assert waits_for_lock(account.engine, purging)
        assert purging.result() == len(responses)
    with account.engine.connect() as connection:
        assert read_responses(connection, account.id, later, load_id) == responses


def test_no_secret_is_stored(account: Shop) -> None:
    account.load(0)
    with pytest.raises(Unauthorized):
        account.load(1, token=Secret("canary-7c1f"))
    assert isinstance(account.account.token, Secret)
    needles = [account.account.token.reveal(), "canary-7c1f"]
    tables = [row[0] for row in account.rows("select tablename from pg_tables where schemaname = 'amocrm'")]
    stored = " ".join(str(row) for table in tables for row in account.rows(f"select t::text from amocrm.{table} t"))
    assert "Unauthorized" in stored
    assert not [needle for needle in needles if needle in stored]


def test_a_token_echoed_by_amocrm_is_stored_nowhere(account: Shop) -> None:
    account.load(0)
    token = account.account.token
    assert isinstance(token, Secret)
    echo = effects.error(400, f"Bad header: Authorization: Bearer {token.reveal()}")
    with account.emulator.faults.during(echo, resource="segments"), pytest.raises(InvalidRequest) as refused:
        account.load(1)
    views = account.rows("select 'analytics.' || viewname from pg_views where schemaname = 'analytics'")
    tables = account.rows("select 'amocrm.' || tablename from pg_tables where schemaname = 'amocrm'")
    stored = " ".join(str(row) for (name,) in tables + views for row in account.rows(f"select t::text from {name} t"))
    bodies = b"".join(zlib.decompress(body) for (body,) in account.rows("select body from amocrm.raw_body"))
    assert b"Bad header: Authorization: Bearer ***" in bodies
    assert token.reveal()[:40] not in f"{stored}{refused.value}{bodies.decode()}"


def test_responses_of_another_account_are_not_stored(account: Shop) -> None:
    account.load(0)
    other = account.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        account.load(1, token=Secret(account.emulator.long_lived_token(other)))
    kept = b"".join(zlib.decompress(body) for (body,) in account.rows("select body from amocrm.raw_body"))
    assert b"Another company" not in kept


def test_responses_of_failed_loads_are_purged(account: Shop) -> None:
    account.settings = replace(account.settings, raw_retention_days=0)
    account.load(0)
    with account.emulator.faults.during(effects.status(503), resource="segments"), pytest.raises(Unavailable):
        account.load(1)
    assert account.rows("select count(*) from amocrm.raw_answer") == [(0,)]


def test_a_block_holds_for_the_next_process(account: Shop) -> None:
    with account.emulator.faults.during(effects.blocked()), pytest.raises(Blocked):
        account.load(0)
    asked = len(account.emulator.requests)
    with pytest.raises(Blocked, match="another 30 minutes"):  # as the note says; this process itself knows of 60
        account.load(0.5)
    assert len(account.emulator.requests) == asked
    for hour in (1.5, -24):  # it is over; or a clock that was wrong has noted it
        raise_if_blocked(account.settings.data_dir, account.emulator.host, account.clock(hour).now())


def test_publishing_an_old_load_again_changes_nothing(account: Shop) -> None:
    """As when an old run of Dagster is executed again."""
    old = extract_load(account.context(0))
    publish_load(account.context(0), old)
    account.world.account(account.id).name = "Renamed"
    account.world.switch_mode(account.id, "periodicity")
    for hour in (1, 2):
        account.load(hour)
    described = "select name, customers_mode from amocrm.account"
    assert account.rows(described) == [("Renamed", "periodicity")]
    assert not publish_load(account.context(3), old).published.is_new
    assert account.rows(described) == [("Renamed", "periodicity")]


@pytest.mark.parametrize("load", [load_account, extract_load])
def test_unreadable_responses_record_a_failure(account: Shop, load: Callable[..., object]) -> None:
    strangers = effects.items(lambda rows: [row | {"account_id": 999} for row in rows])
    with account.emulator.faults.during(strangers, resource="segments"), pytest.raises(WrongAccount):
        load(account.context(0))
    assert account.rows("select error from amocrm.load_failure") == [("WrongAccount",)]


def test_observed_at_is_the_clocks_instant(account: Shop) -> None:
    loaded = account.load(0.123456)
    assert loaded.extracted.observed_at.astimezone(UTC) == account.rows("select observed_at from amocrm.snapshot")[0][0]
    assert isinstance(loaded.extracted.observed_at, datetime)


def test_a_load_starts_with_the_page_size_that_a_probe_found(account: Shop) -> None:
    for number in range(12):
        account.world.add_segment(account.id, f"Segment {number}")
    account.world.quirks = Quirks(lists_504_above=10)
    with pytest.raises(Unavailable) as error:
        account.load(0)
    assert "doctor --probe" in error.value.advice
    findings = [Finding(subject=name, name=LARGEST_LIMIT, observed="10") for name in ("segments", "fields")]
    result = ProbeResult(findings=findings, request_count=1, probed_at=START)
    write_result(probe_file(account.settings.data_dir, "main"), result)
    assert account.load(1).summary.segment_count == 14
    account.world.quirks = Quirks()  # amoCRM recovers
    assert account.load(2).summary.segment_count == 14
    paths = "select split_part(path, '?', 2) from amocrm.raw_answer where resource = 'segments' and is_accepted"
    assert set(account.rows(paths)) == {("page=1&limit=10",), ("page=2&limit=10",)}
