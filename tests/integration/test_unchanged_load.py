"""Unchanged loads are published without parsing, except if that could make a difference."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from emulator import effects
from emulator.faults import Effect
from faults.oracle import table_contents
from pipelines.amocrm import strict_json
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import IncompleteList, MalformedAnswer, SettingsError, Superseded, Unavailable, WrongAccount
from pipelines.base.secret import Secret
from pipelines.load.fetch import FetchResult, fetch_account, read_before_fetch
from pipelines.load.load import (
    PublishedLoad,
    extract_load,
    parse_all,
    publish_load,
    publish_parsed,
    publish_unchanged,
    read_stored_responses,
)
from pipelines.load.rebuild import rebuild_account
from pipelines.transform.code_fingerprint import PARSER_FINGERPRINT, fingerprint_code
from pipelines.transform.relation import Relation
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.unchanged import store_digests
from tests.accounts import Shop
from tests.lock_waits import waits_for_lock


@pytest.fixture(autouse=True)
def count_parsed_responses(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the responses that loads parse."""
    parse = strict_json.parse

    def counted(body: bytes) -> Any:
        account.parse_count += 1
        return parse(body)

    monkeypatch.setattr(strict_json, "parse", counted)


def test_usual_loads_build_no_frame(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So they do not import pandas either."""

    def fail(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(Relation, "frame", fail)
    account.load(0)
    account.load(1)
    assert account.rows("select count(*) from amocrm.snapshot") == [(2,)]


def fetch(account: Shop, hour: float) -> FetchResult:
    """Fetch the account as a load does that may skip parsing."""
    fetched = fetch_account(account.context(hour), may_skip=True)
    assert fetched.latest is not None
    return fetched


def publish_as_unchanged(account: Shop, fetched: FetchResult, hour: float) -> PublishedLoad | None:
    """Publish what was fetched as an unchanged load; None if it has to be parsed."""
    assert fetched.latest is not None
    return publish_unchanged(account.context(hour), fetched, fetched.latest)


def parse_and_publish(account: Shop, fetched: FetchResult, hour: float) -> PublishedLoad:
    """Publish what was fetched, parsed."""
    return publish_parsed(account.context(hour), fetched.extracted, partial(parse_all, fetched))[0]


def test_unchanged_responses_are_not_parsed(account: Shop) -> None:
    first = account.load(0)
    before, asked = account.contents(), len(account.emulator.requests)
    account.parse_count = 0
    again = account.load(0.5)
    assert account.parse_count == 0
    assert len(account.emulator.requests) - asked == again.extracted.request_count == 3
    assert again.summary == first.summary
    assert again.published.row_counts == {"snapshot": 1}
    after = account.contents()
    assert len(after.pop("snapshot")) == len(before.pop("snapshot")) + 1
    assert after == before


def test_an_unchanged_load_stores_its_responses(account: Shop) -> None:
    account.load(0)
    loaded = account.load(1)
    assert account.rows("select count(*), count(distinct body_hash) from amocrm.raw_answer where is_accepted") == [
        (7, 3)
    ]
    snapshot = parse_snapshot(read_stored_responses(account.context(1), loaded.extracted), loaded.extracted.observed_at)
    assert [segment.name for segment in snapshot.segments] == ["VIP", "New"]


def test_tables_equal_those_of_parsing(account: Shop, other_engine: Engine) -> None:
    """Days and instants too: over midnights of the account, and over the night in which its clocks are changed."""
    hours = [0, 1, 19.5, 20.5, 6 * 24 + 19.5, 6 * 24 + 20.5, 7 * 24 + 18.5, 7 * 24 + 19.5, 8 * 24]
    account.load(hours[0])
    account.parse_count = 0
    for hour in hours[1:]:
        account.emulator.clock.set(account.clock(hour).now())
        account.load(hour)
    assert account.parse_count == 3  # once: the account tells its offset from UTC, which is another after that night
    days = account.rows("select distinct observed_date::text from amocrm.segment_size_daily order by 1")
    assert [day for (day,) in days] == ["2026-03-01", "2026-03-02", "2026-03-07", "2026-03-08", "2026-03-09"]
    account.world.set_size(account.id, account.vip, 12)
    account.load(hours[-1] + 1)
    account.load(hours[-1] + 2)
    assert rebuild_account(account.engine, other_engine, account.id).snapshot_count == len(hours) + 2
    with other_engine.connect() as connection:
        assert table_contents(connection, account.id) == account.contents()


def test_changed_responses_are_parsed_and_nothing_is_requested_twice(account: Shop) -> None:
    changes: list[Callable[[], object]] = [
        lambda: account.world.set_size(account.id, account.vip, 11),
        lambda: account.world.rename_field(account.id, account.field, "Level"),
        lambda: account.world.switch_mode(account.id, "periodicity"),
        lambda: account.world.switch_mode(account.id, "segments"),
    ]
    account.load(0)
    for hour, change in enumerate(changes, start=1):
        change()
        loaded = account.load(hour)
        assert loaded.extracted.request_count in (2, 3)
        assert loaded.published.row_counts != {"snapshot": 1}
        assert account.count_parsed(hour + 0.5) == 0


def test_a_load_with_confirmations_is_never_the_unchanged_base(account: Shop) -> None:
    account.load(0)
    account.world.delete_segment(account.id, account.new)
    assert account.count_parsed(1) > 0
    assert account.count_parsed(2) > 0
    assert account.count_parsed(3) == 0


def test_account_without_segments_is_skipped_after_both_looks(account: Shop) -> None:
    for segment_id in (account.vip, account.new):
        account.world.delete_segment(account.id, segment_id)
    account.world.delete_field(account.id, account.field)
    first = account.load(0)
    second = account.load(1)
    assert (account.count_parsed(2), second.extracted.request_count) == (0, first.extracted.request_count - 1)


def test_lists_of_several_pages_are_read_once(account: Shop) -> None:
    account.world.quirks = replace(account.world.quirks, ignores_limit=True, default_limit=1)
    account.load(0)
    asked = len(account.emulator.requests)
    assert account.count_parsed(1) == 0
    assert len(account.emulator.requests) - asked == 6  # the account, two pages of segments twice, one of fields
    account.world.set_size(account.id, account.vip, 11)
    assert account.load(2).published.size_change_count == 1


@pytest.mark.parametrize(
    "sql",
    [
        "delete from amocrm.newest_answers",
        "update amocrm.newest_answers set reading_code = 'of another version'",
        "drop view analytics.segments_{id}",
    ],
)
def test_uncertain_digests_force_a_parse(account: Shop, sql: str) -> None:
    account.load(0)
    account.execute(sql.format(id=account.id))
    assert account.count_parsed(1) > 0
    assert account.count_parsed(2) == 0
    assert account.rows(f"select to_regclass('analytics.segments_{account.id}') is not null") == [(True,)]


@pytest.mark.parametrize(
    "sql",
    [
        "update amocrm.newest_answers set reading_code = 'of another version'",
        "update amocrm.account set account_key = 'renamed'",
        "update amocrm.account set host = 'moved.amocrm.ru'",
    ],
)
def test_a_change_between_comparing_and_publishing_is_noticed(account: Shop, sql: str) -> None:
    account.load(0)
    fetched = fetch(account, 1)
    account.execute(sql)
    before = account.contents()
    assert publish_as_unchanged(account, fetched, 1) is None
    assert account.contents() == before


def test_digests_of_other_code_are_not_compared(account: Shop) -> None:
    account.load(0)
    assert read_before_fetch(account.context(1), may_skip=True)[0] is not None
    account.execute("update amocrm.newest_answers set reading_code = 'of another version'")
    assert read_before_fetch(account.context(1), may_skip=True)[0] is None


def test_other_code_parses_all_again_and_versions_nothing_again(account: Shop) -> None:
    account.load(0)
    versions = {table: rows for table, rows in account.contents().items() if "version" in table or "value" in table}
    assert sum(map(len, versions.values())) > 2
    account.execute("update amocrm.newest_answers set reading_code = 'of another version'")
    assert account.count_parsed(1) > 0
    assert {table: rows for table, rows in account.contents().items() if table in versions} == versions


def test_digests_of_a_later_snapshot_stay(account: Shop) -> None:
    first = account.load(0)
    account.load(1)
    remembered = account.rows("select observed_at, answers from amocrm.newest_answers")
    with account.engine.begin() as connection:
        store_digests(connection, account.id, first.extracted.observed_at, ())
    assert account.rows("select observed_at, answers from amocrm.newest_answers") == remembered


def test_a_wide_view_that_is_being_read_is_followed_by_the_next_load(account: Shop) -> None:
    account.load(0)
    account.world.add_field(account.id, "City", "text")
    with account.engine.begin() as reader:
        reader.execute(text(f"select 1 from analytics.segments_{account.id}"))
        account.load(1)
    assert account.count_parsed(2) > 0
    assert account.rows(f'select count("City") from analytics.segments_{account.id}') == [(0,)]
    assert account.count_parsed(3) == 0


def test_where_no_wide_view_may_be_made_none_is_missing(account: Shop) -> None:
    """As where readers of single accounts are told apart, who could read the names of its columns."""
    account.load(0)
    create_account_reader(account.engine, account.id)
    assert account.rows(f"select to_regclass('analytics.segments_{account.id}') is null") == [(True,)]
    assert account.count_parsed(1) == 0


def test_account_under_another_key_or_host_is_read(account: Shop) -> None:
    account.load(0)
    assert account.count_parsed(1, key="renamed") > 0
    assert account.count_parsed(2, key="renamed") == 0
    assert (
        account.count_parsed(3, key="renamed", base_url=account.account.base_url.replace("127.0.0.1", "localhost")) > 0
    )
    assert account.rows("select account_key, host like 'localhost:%' from amocrm.account") == [("renamed", True)]


def test_snapshot_that_another_program_published_meanwhile_is_compared_with(account: Shop) -> None:
    """Two changes that undo each other: the answers are those of before, and yet not those of the newest snapshot."""
    account.load(0)
    fetched = fetch(account, 2)
    account.world.set_size(account.id, account.vip, 11)
    account.load(1)
    before = account.contents()
    assert publish_as_unchanged(account, fetched, 2) is None
    assert account.contents() == before
    loaded = parse_and_publish(account, fetched, 2)
    assert loaded.published.size_change_count == 1


def test_a_snapshot_that_is_being_published_is_waited_for(account: Shop) -> None:
    account.load(0)
    fetched = fetch(account, 2)
    account.world.set_size(account.id, account.vip, 11)
    held_up: list[tuple[bool, Future[PublishedLoad | None]]] = []
    with ThreadPoolExecutor() as threads:

        def begin_another(connection: Connection) -> None:
            if not held_up and connection.scalar(text("select count(*) from amocrm.snapshot")) == 2:
                another = threads.submit(publish_as_unchanged, account, fetched, 2)
                held_up.append((waits_for_lock(account.engine, another), another))

        event.listen(account.engine, "commit", begin_another)
        loaded = account.load(1)
    assert loaded.published.size_change_count == 1
    assert [(waited, another.result()) for waited, another in held_up] == [(True, None)]
    assert account.rows("select count(*) from amocrm.snapshot") == [(2,)]


def test_an_overtaken_unchanged_load_stores_its_responses(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    account.load(0)

    def load_after_fetching(*args: Any, **kwargs: Any) -> FetchResult:
        fetched = fetch_account(*args, **kwargs)
        monkeypatch.undo()
        account.world.set_size(account.id, account.vip, 11)
        account.load(1)
        return fetched

    monkeypatch.setattr("pipelines.load.load.fetch_account", load_after_fetching)
    assert account.load(2).published.size_change_count == 1
    assert account.rows("select count(distinct observed_at) from amocrm.raw_answer") == [(3,)]


def test_snapshots_of_older_programs_without_digests_are_noticed(account: Shop) -> None:
    """It publishes and remembers nothing: what is remembered is then not of the newest snapshot."""
    account.load(0)
    kept = account.rows("select observed_at, answers::text from amocrm.newest_answers")
    account.world.set_size(account.id, account.vip, 11)
    account.load(1)
    account.execute(
        "update amocrm.newest_answers set observed_at = :at, answers = cast(:answers as jsonb)",
        at=kept[0][0],
        answers=kept[0][1],
    )
    account.world.set_size(account.id, account.vip, 10)
    loaded = account.load(2)
    assert (loaded.published.size_change_count, loaded.extracted.request_count) == (1, 3)


def test_publishing_twice_is_publishing_once(account: Shop) -> None:
    """As when the answer to COMMIT is lost."""
    account.load(0)
    fetched = fetch(account, 1)
    for expected in (True, False):
        assert (publish_as_unchanged(account, fetched, 1) is not None) is expected
    loaded = parse_and_publish(account, fetched, 1)
    assert not loaded.published.is_new
    assert account.count_parsed(2) == 0


def test_load_that_is_not_newer_is_refused(account: Shop) -> None:
    account.load(1)
    with pytest.raises(Superseded):
        account.load(0.5)
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]


def test_without_retention_unchanged_loads_still_work(account: Shop) -> None:
    account.settings = replace(account.settings, raw_retention_days=0)
    account.load(0)
    assert account.count_parsed(1) == 0
    assert account.rows("select count(*) from amocrm.raw_answer union all select count(*) from amocrm.raw_body") == [
        (0,),
        (0,),
    ]


def test_unchanged_loads_purge_old_responses(account: Shop) -> None:
    account.settings = replace(account.settings, raw_retention_days=1)
    for hour in (0, 1, 24.5, 25.5):
        account.load(hour)
    assert account.rows("select count(distinct load_id) from amocrm.raw_answer") == [(2,)]
    assert account.rows("select count(*) from amocrm.raw_body") == [(3,)]


@pytest.mark.parametrize(
    ("fault", "error", "tries"),
    [
        (effects.items(lambda items: items[:1]), IncompleteList, None),
        (effects.no_content(), IncompleteList, None),
        (effects.trailing_comma(), MalformedAnswer, 2),
        (effects.gzip_cut_short(), MalformedAnswer, 2),
        (effects.gzip_bomb(), MalformedAnswer, 2),
        (effects.status(503), Unavailable, 6),
        (effects.reset(), Unavailable, 6),
    ],
)
def test_faults_cost_what_they_cost_without_skipping(
    account: Shop, fault: Effect, error: type[Exception], tries: int | None
) -> None:
    account.load(0)
    before, asked = account.contents(), len(account.emulator.requests)
    with account.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        account.load(1)
    assert account.contents() == before
    if tries is not None:
        assert len(account.emulator.requests) - asked == 1 + tries
    assert account.count_parsed(2) == 0


def test_a_transient_fault_still_allows_an_unchanged_load(account: Shop) -> None:
    account.load(0)
    with account.emulator.faults.during(effects.status(503), resource="fields", times=1):
        loaded = account.load(1)
    assert (loaded.extracted.request_count, loaded.published.row_counts) == (4, {"snapshot": 1})


def test_token_of_another_account_and_a_clock_of_the_future_are_refused(account: Shop) -> None:
    account.load(0)
    other = account.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        account.load(1, token=Secret(account.emulator.long_lived_token(other)))
    with pytest.raises(SettingsError, match="ahead"):
        account.load(400 * 24)
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]
    assert account.count_parsed(2) == 0


def test_separate_steps_store_digests(account: Shop) -> None:
    extracted = extract_load(account.context(0))
    publish_load(account.context(0), extracted)
    assert account.count_parsed(1) == 0


def test_the_code_fingerprint_covers_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint_code() == PARSER_FINGERPRINT
    for name, other in (
        ("PARSING_PACKAGES", ("amocrm",)),
        ("platform", SimpleNamespace(python_version=lambda: "3.99")),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"pipelines.transform.code_fingerprint.{name}", other)
            assert fingerprint_code() != PARSER_FINGERPRINT
