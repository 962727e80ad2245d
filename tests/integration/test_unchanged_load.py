"""Loads in which nothing changed: published unread, and read all the same wherever that could make a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from emulator.faults import Effect
from faults.oracle import table_contents
from pipelines.amocrm import strict_json
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import IncompleteList, MalformedAnswer, SettingsError, Superseded, Unavailable, WrongAccount
from pipelines.base.secret import Secret
from pipelines.load.context import LoadContext
from pipelines.load.fetch import FetchResult, fetch_account, read_latest_snapshot
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
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.unchanged import store_digests
from tests.emulated_account import EmulatedAccount
from tests.lock_waits import waits_for_lock
from tests.records import START


@pytest.fixture
def account(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedAccount]:
    """The shop, its emulator running."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account = EmulatedAccount(emulator, engine, tmp_path)
        parse = strict_json.parse

        def counted(body: bytes) -> Any:
            account.read_count += 1
            return parse(body)

        monkeypatch.setattr(strict_json, "parse", counted)
        yield account


def test_answers_that_came_before_are_not_read_again(account: EmulatedAccount) -> None:
    first = account.load(0)
    before, asked = account.contents(), len(account.emulator.requests)
    account.read_count = 0
    again = account.load(0.5)
    assert account.read_count == 0
    assert len(account.emulator.requests) - asked == again.extracted.request_count == 3
    assert again.summary == first.summary
    assert again.published.row_counts == {"snapshot": 1}
    after = account.contents()
    assert len(after.pop("snapshot")) == len(before.pop("snapshot")) + 1
    assert after == before


def test_its_answers_are_kept_like_any_others(account: EmulatedAccount) -> None:
    account.load(0)
    loaded = account.load(1)
    assert account.rows("select count(*), count(distinct body_hash) from amocrm.raw_answer where is_accepted") == [
        (7, 3)
    ]
    snapshot = parse_snapshot(read_stored_responses(account.context(1), loaded.extracted), loaded.extracted.observed_at)
    assert [segment.name for segment in snapshot.segments] == ["VIP", "New"]


def test_tables_are_those_that_reading_makes(account: EmulatedAccount, other_engine: Engine) -> None:
    """Days and instants too: over midnights of the account, and over the night in which its clocks are changed."""
    hours = [0, 1, 19.5, 20.5, 6 * 24 + 19.5, 6 * 24 + 20.5, 7 * 24 + 18.5, 7 * 24 + 19.5, 8 * 24]
    account.load(hours[0])
    account.read_count = 0
    for hour in hours[1:]:
        account.emulator.clock.set(account.clock(hour).now())
        account.load(hour)
    assert account.read_count == 3  # once: the account tells its offset from UTC, which is another after that night
    days = account.rows("select distinct observed_date::text from amocrm.segment_size_daily order by 1")
    assert [day for (day,) in days] == ["2026-03-01", "2026-03-02", "2026-03-07", "2026-03-08", "2026-03-09"]
    account.world.set_size(account.id, account.vip, 12)
    account.load(hours[-1] + 1)
    account.load(hours[-1] + 2)
    assert rebuild_account(account.engine, other_engine, account.id).snapshot_count == len(hours) + 2
    with other_engine.connect() as connection:
        assert table_contents(connection, account.id) == account.contents()


def test_what_differs_is_read_and_nothing_is_asked_twice(account: EmulatedAccount) -> None:
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
        assert account.reads(hour + 0.5) == 0


def test_load_that_had_to_ask_for_single_things_is_not_repeated(account: EmulatedAccount) -> None:
    account.load(0)
    account.world.delete_segment(account.id, account.new)
    assert account.reads(1) > 0
    assert account.reads(2) > 0
    assert account.reads(3) == 0


def test_account_without_segments_is_skipped_after_both_looks(account: EmulatedAccount) -> None:
    for segment_id in (account.vip, account.new):
        account.world.delete_segment(account.id, segment_id)
    account.world.delete_field(account.id, account.field)
    first = account.load(0)
    second = account.load(1)
    assert (account.reads(2), second.extracted.request_count) == (0, first.extracted.request_count - 1)


def test_lists_of_several_pages_are_read_once(account: EmulatedAccount) -> None:
    account.world.quirks = replace(account.world.quirks, ignores_limit=True, default_limit=1)
    account.load(0)
    asked = len(account.emulator.requests)
    assert account.reads(1) == 0
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
def test_what_is_not_known_for_sure_is_read(account: EmulatedAccount, sql: str) -> None:
    account.load(0)
    account.do(sql.format(id=account.id))
    assert account.reads(1) > 0
    assert account.reads(2) == 0
    assert account.rows(f"select to_regclass('analytics.segments_{account.id}') is not null") == [(True,)]


@pytest.mark.parametrize(
    "sql",
    [
        "update amocrm.newest_answers set reading_code = 'of another version'",
        "update amocrm.account set account_key = 'renamed'",
        "update amocrm.account set host = 'moved.amocrm.ru'",
    ],
)
def test_what_changes_between_comparing_and_publishing_is_noticed(account: EmulatedAccount, sql: str) -> None:
    account.load(0)
    asked = fetch_account(account.context(1), may_skip=True)
    assert asked.latest is not None
    account.do(sql)
    before = account.contents()
    assert publish_unchanged(account.context(1), asked, asked.latest) is None
    assert account.contents() == before


def test_other_code_is_not_even_compared_with(account: EmulatedAccount) -> None:
    account.load(0)
    assert read_latest_snapshot(LoadContext(account.engine, account.account, account.settings)) is not None
    account.do("update amocrm.newest_answers set reading_code = 'of another version'")
    assert read_latest_snapshot(LoadContext(account.engine, account.account, account.settings)) is None


def test_what_a_newer_snapshot_was_read_from_stays_remembered(account: EmulatedAccount) -> None:
    first = account.load(0)
    account.load(1)
    remembered = account.rows("select observed_at, answers from amocrm.newest_answers")
    with account.engine.begin() as connection:
        store_digests(connection, account.id, first.extracted.observed_at, ())
    assert account.rows("select observed_at, answers from amocrm.newest_answers") == remembered


def test_a_wide_view_that_is_being_read_is_followed_by_the_next_load(account: EmulatedAccount) -> None:
    account.load(0)
    account.world.add_field(account.id, "City", "text")
    with account.engine.begin() as reader:
        reader.execute(text(f"select 1 from analytics.segments_{account.id}"))
        account.load(1)
    assert account.reads(2) > 0
    assert account.rows(f'select count("City") from analytics.segments_{account.id}') == [(0,)]
    assert account.reads(3) == 0


def test_where_no_wide_view_may_be_made_none_is_missing(account: EmulatedAccount) -> None:
    """As where readers of single accounts are told apart, who could read the names of its columns."""
    account.load(0)
    create_account_reader(account.engine, account.id)
    assert account.rows(f"select to_regclass('analytics.segments_{account.id}') is null") == [(True,)]
    assert account.reads(1) == 0


def test_account_under_another_key_or_host_is_read(account: EmulatedAccount) -> None:
    account.load(0)
    assert account.reads(1, key="renamed") > 0
    assert account.reads(2, key="renamed") == 0
    assert account.reads(3, key="renamed", base_url=account.account.base_url.replace("127.0.0.1", "localhost")) > 0
    assert account.rows("select account_key, host like 'localhost:%' from amocrm.account") == [("renamed", True)]


def test_snapshot_that_another_program_published_meanwhile_is_compared_with(account: EmulatedAccount) -> None:
    """Two changes that undo each other: the answers are those of before, and yet not those of the newest snapshot."""
    account.load(0)
    asked = fetch_account(account.context(2), may_skip=True)
    assert asked.latest is not None
    account.world.set_size(account.id, account.vip, 11)
    account.load(1)
    before = account.contents()
    assert publish_unchanged(account.context(2), asked, asked.latest) is None
    assert account.contents() == before
    loaded, _ = publish_parsed(
        account.context(2),
        asked.extracted,
        partial(parse_all, asked),
    )
    assert loaded.published.size_change_count == 1


def test_a_snapshot_that_is_being_published_is_waited_for(account: EmulatedAccount) -> None:
    account.load(0)
    asked = fetch_account(account.context(2), may_skip=True)
    assert asked.latest is not None
    account.world.set_size(account.id, account.vip, 11)
    unread = partial(
        publish_unchanged,
        account.context(2),
        asked,
        asked.latest,
    )
    held_up: list[tuple[bool, Future[PublishedLoad | None]]] = []
    with ThreadPoolExecutor() as threads:

        def begin_another(connection: Connection) -> None:
            if not held_up and connection.scalar(text("select count(*) from amocrm.snapshot")) == 2:
                another = threads.submit(unread)
                held_up.append((waits_for_lock(account.engine, another), another))

        event.listen(account.engine, "commit", begin_another)
        loaded = account.load(1)
    assert loaded.published.size_change_count == 1
    assert [(waited, another.result()) for waited, another in held_up] == [(True, None)]
    assert account.rows("select count(*) from amocrm.snapshot") == [(2,)]


def test_load_that_comes_too_late_to_be_left_unread_keeps_its_answers(
    account: EmulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.load(0)

    def ask_while_somebody_loads(*args: Any, **kwargs: Any) -> FetchResult:
        asked = fetch_account(*args, **kwargs)
        assert asked.latest is not None
        monkeypatch.undo()
        account.world.set_size(account.id, account.vip, 11)
        account.load(1)
        return asked

    monkeypatch.setattr("pipelines.load.load.fetch_account", ask_while_somebody_loads)
    assert account.load(2).published.size_change_count == 1
    assert account.rows("select count(distinct observed_at) from amocrm.raw_answer") == [(3,)]


def test_older_program_that_knows_nothing_of_this_is_noticed(account: EmulatedAccount) -> None:
    """It publishes and remembers nothing: what is remembered is then not of the newest snapshot."""
    account.load(0)
    kept = account.rows("select observed_at, answers::text from amocrm.newest_answers")
    account.world.set_size(account.id, account.vip, 11)
    account.load(1)
    with account.engine.begin() as connection:
        connection.execute(
            text("update amocrm.newest_answers set observed_at = :at, answers = cast(:answers as jsonb)"),
            {"at": kept[0][0], "answers": kept[0][1]},
        )
    account.world.set_size(account.id, account.vip, 10)
    loaded = account.load(2)
    assert (loaded.published.size_change_count, loaded.extracted.request_count) == (1, 3)


def test_publishing_twice_is_publishing_once(account: EmulatedAccount) -> None:
    """As when the answer to COMMIT is lost."""
    account.load(0)
    asked = fetch_account(account.context(1), may_skip=True)
    assert asked.latest is not None
    for expected in (True, False):
        done = publish_unchanged(account.context(1), asked, asked.latest)
        assert (done is not None) is expected
    loaded, _ = publish_parsed(
        account.context(1),
        asked.extracted,
        partial(parse_all, asked),
    )
    assert not loaded.published.is_new
    assert account.reads(2) == 0


def test_load_that_is_not_newer_is_refused(account: EmulatedAccount) -> None:
    account.load(1)
    with pytest.raises(Superseded):
        account.load(0.5)
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]


def test_without_retention_nothing_is_kept_and_yet_skipped(account: EmulatedAccount) -> None:
    account.settings = replace(account.settings, raw_retention_days=0)
    account.load(0)
    assert account.reads(1) == 0
    assert account.rows("select count(*) from amocrm.raw_answer union all select count(*) from amocrm.raw_body") == [
        (0,),
        (0,),
    ]


def test_old_answers_are_purged_by_loads_that_read_nothing(account: EmulatedAccount) -> None:
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
    account: EmulatedAccount, fault: Effect, error: type[Exception], tries: int | None
) -> None:
    account.load(0)
    before, asked = account.contents(), len(account.emulator.requests)
    with account.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        account.load(1)
    assert account.contents() == before
    if tries is not None:
        assert len(account.emulator.requests) - asked == 1 + tries
    assert account.reads(2) == 0


def test_passing_fault_is_waited_for_and_then_nothing_is_known_to_differ(account: EmulatedAccount) -> None:
    account.load(0)
    with account.emulator.faults.during(effects.status(503), resource="fields", times=1):
        loaded = account.load(1)
    assert (loaded.extracted.request_count, loaded.published.row_counts) == (4, {"snapshot": 1})


def test_token_of_another_account_and_a_clock_of_the_future_are_refused(account: EmulatedAccount) -> None:
    account.load(0)
    other = account.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        account.load(1, token=Secret(account.emulator.long_lived_token(other)))
    with pytest.raises(SettingsError, match="ahead"):
        account.load(400 * 24)
    assert account.rows("select count(*) from amocrm.snapshot") == [(1,)]
    assert account.reads(2) == 0


def test_steps_apart_are_remembered_and_always_read(account: EmulatedAccount) -> None:
    extracted = extract_load(account.context(0))
    publish_load(account.context(0), extracted)
    assert account.reads(1) == 0


def test_code_is_known_by_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint_code() == PARSER_FINGERPRINT
    for name, other in (
        ("PARSING_PACKAGES", ("amocrm",)),
        ("platform", SimpleNamespace(python_version=lambda: "3.99")),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"pipelines.transform.code_fingerprint.{name}", other)
            assert fingerprint_code() != PARSER_FINGERPRINT
