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
from pipelines.amocrm.read import read_snapshot
from pipelines.ask import Asked, ask, what_is_newest
from pipelines.errors import IncompleteList, MalformedAnswer, SettingsError, Superseded, Unavailable, WrongAccount
from pipelines.load import Loaded, extract_load, kept_answers, publish_load, publish_read, publish_unread, read_whole
from pipelines.reading_code import READING_CODE, hash_of_code
from pipelines.rebuild import rebuild_account
from pipelines.secret import Secret
from pipelines.warehouse.newest import remember_answers
from pipelines.warehouse.readers import make_account_reader
from tests.lock_waits import is_held_up
from tests.records import START
from tests.shop import Shop


@pytest.fixture
def shop(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The shop, its emulator running."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        shop = Shop(emulator, engine, tmp_path)
        parse = strict_json.parse

        def counted(body: bytes) -> Any:
            shop.read_count += 1
            return parse(body)

        monkeypatch.setattr(strict_json, "parse", counted)
        yield shop


def test_answers_that_came_before_are_not_read_again(shop: Shop) -> None:
    first = shop.load(0)
    before, asked = shop.contents(), len(shop.emulator.requests)
    shop.read_count = 0
    again = shop.load(0.5)
    assert shop.read_count == 0
    assert len(shop.emulator.requests) - asked == again.extracted.request_count == 3
    assert again.seen == first.seen
    assert again.published.row_counts == {"snapshot": 1}
    after = shop.contents()
    assert len(after.pop("snapshot")) == len(before.pop("snapshot")) + 1
    assert after == before


def test_its_answers_are_kept_like_any_others(shop: Shop) -> None:
    shop.load(0)
    loaded = shop.load(1)
    assert shop.rows("select count(*), count(distinct body_hash) from amocrm.raw_answer where is_accepted") == [(7, 3)]
    snapshot = read_snapshot(kept_answers(shop.engine, loaded.extracted), loaded.extracted.observed_at)
    assert [segment.name for segment in snapshot.segments] == ["VIP", "New"]


def test_tables_are_those_that_reading_makes(shop: Shop, other_engine: Engine) -> None:
    """Days and instants too: over midnights of the account, and over the night in which its clocks are changed."""
    hours = [0, 1, 19.5, 20.5, 6 * 24 + 19.5, 6 * 24 + 20.5, 7 * 24 + 18.5, 7 * 24 + 19.5, 8 * 24]
    shop.load(hours[0])
    shop.read_count = 0
    for hour in hours[1:]:
        shop.emulator.clock.set(shop.clock(hour).now())
        shop.load(hour)
    assert shop.read_count == 3  # once: the account tells its offset from UTC, which is another after that night
    days = shop.rows("select distinct observed_date::text from amocrm.segment_size_daily order by 1")
    assert [day for (day,) in days] == ["2026-03-01", "2026-03-02", "2026-03-07", "2026-03-08", "2026-03-09"]
    shop.world.set_size(shop.id, shop.vip, 12)
    shop.load(hours[-1] + 1)
    shop.load(hours[-1] + 2)
    assert rebuild_account(shop.engine, other_engine, shop.id).snapshot_count == len(hours) + 2
    with other_engine.connect() as connection:
        assert table_contents(connection, shop.id) == shop.contents()


def test_what_differs_is_read_and_nothing_is_asked_twice(shop: Shop) -> None:
    changes: list[Callable[[], object]] = [
        lambda: shop.world.set_size(shop.id, shop.vip, 11),
        lambda: shop.world.rename_field(shop.id, shop.field, "Level"),
        lambda: shop.world.switch_mode(shop.id, "periodicity"),
        lambda: shop.world.switch_mode(shop.id, "segments"),
    ]
    shop.load(0)
    for hour, change in enumerate(changes, start=1):
        change()
        loaded = shop.load(hour)
        assert loaded.extracted.request_count in (2, 3)
        assert loaded.published.row_counts != {"snapshot": 1}
        assert shop.reads(hour + 0.5) == 0


def test_load_that_had_to_ask_for_single_things_is_not_repeated(shop: Shop) -> None:
    shop.load(0)
    shop.world.delete_segment(shop.id, shop.new)
    assert shop.reads(1) > 0
    assert shop.reads(2) > 0
    assert shop.reads(3) == 0


def test_account_without_segments_is_skipped_after_both_looks(shop: Shop) -> None:
    for segment_id in (shop.vip, shop.new):
        shop.world.delete_segment(shop.id, segment_id)
    shop.world.delete_field(shop.id, shop.field)
    first = shop.load(0)
    second = shop.load(1)
    assert (shop.reads(2), second.extracted.request_count) == (0, first.extracted.request_count - 1)


def test_lists_of_several_pages_are_read_once(shop: Shop) -> None:
    shop.world.quirks = replace(shop.world.quirks, ignores_limit=True, default_limit=1)
    shop.load(0)
    asked = len(shop.emulator.requests)
    assert shop.reads(1) == 0
    assert len(shop.emulator.requests) - asked == 6  # the account, two pages of segments twice, one of fields
    shop.world.set_size(shop.id, shop.vip, 11)
    assert shop.load(2).published.size_change_count == 1


@pytest.mark.parametrize(
    "sql",
    [
        "delete from amocrm.newest_answers",
        "update amocrm.newest_answers set reading_code = 'of another version'",
        "drop view analytics.segments_{id}",
    ],
)
def test_what_is_not_known_for_sure_is_read(shop: Shop, sql: str) -> None:
    shop.load(0)
    shop.do(sql.format(id=shop.id))
    assert shop.reads(1) > 0
    assert shop.reads(2) == 0
    assert shop.rows(f"select to_regclass('analytics.segments_{shop.id}') is not null") == [(True,)]


@pytest.mark.parametrize(
    "sql",
    [
        "update amocrm.newest_answers set reading_code = 'of another version'",
        "update amocrm.account set account_key = 'renamed'",
        "update amocrm.account set host = 'moved.amocrm.ru'",
    ],
)
def test_what_changes_between_comparing_and_publishing_is_noticed(shop: Shop, sql: str) -> None:
    shop.load(0)
    asked = ask(shop.engine, shop.account, shop.settings, clock=shop.clock(1), run_id=None, may_skip=True)
    assert asked.newest is not None
    shop.do(sql)
    before = shop.contents()
    assert publish_unread(shop.engine, asked, asked.newest, shop.settings, clock=shop.clock(1), run_id=None) is None
    assert shop.contents() == before


def test_other_code_is_not_even_compared_with(shop: Shop) -> None:
    shop.load(0)
    assert what_is_newest(shop.engine, shop.account) is not None
    shop.do("update amocrm.newest_answers set reading_code = 'of another version'")
    assert what_is_newest(shop.engine, shop.account) is None


def test_what_a_newer_snapshot_was_read_from_stays_remembered(shop: Shop) -> None:
    first = shop.load(0)
    shop.load(1)
    remembered = shop.rows("select observed_at, answers from amocrm.newest_answers")
    with shop.engine.begin() as connection:
        remember_answers(connection, shop.id, first.extracted.observed_at, ())
    assert shop.rows("select observed_at, answers from amocrm.newest_answers") == remembered


def test_a_wide_view_that_is_being_read_is_followed_by_the_next_load(shop: Shop) -> None:
    shop.load(0)
    shop.world.add_field(shop.id, "City", "text")
    with shop.engine.begin() as reader:
        reader.execute(text(f"select 1 from analytics.segments_{shop.id}"))
        shop.load(1)
    assert shop.reads(2) > 0
    assert shop.rows(f'select count("City") from analytics.segments_{shop.id}') == [(0,)]
    assert shop.reads(3) == 0


def test_where_no_wide_view_may_be_made_none_is_missing(shop: Shop) -> None:
    """As where readers of single accounts are told apart, who could read the names of its columns."""
    shop.load(0)
    make_account_reader(shop.engine, shop.id)
    assert shop.rows(f"select to_regclass('analytics.segments_{shop.id}') is null") == [(True,)]
    assert shop.reads(1) == 0


def test_account_under_another_key_or_host_is_read(shop: Shop) -> None:
    shop.load(0)
    assert shop.reads(1, key="renamed") > 0
    assert shop.reads(2, key="renamed") == 0
    assert shop.reads(3, key="renamed", base_url=shop.account.base_url.replace("127.0.0.1", "localhost")) > 0
    assert shop.rows("select account_key, host like 'localhost:%' from amocrm.account") == [("renamed", True)]


def test_snapshot_that_another_program_published_meanwhile_is_compared_with(shop: Shop) -> None:
    """Two changes that undo each other: the answers are those of before, and yet not those of the newest snapshot."""
    shop.load(0)
    asked = ask(shop.engine, shop.account, shop.settings, clock=shop.clock(2), run_id=None, may_skip=True)
    assert asked.newest is not None
    shop.world.set_size(shop.id, shop.vip, 11)
    shop.load(1)
    before = shop.contents()
    assert publish_unread(shop.engine, asked, asked.newest, shop.settings, clock=shop.clock(2), run_id=None) is None
    assert shop.contents() == before
    loaded, _ = publish_read(
        shop.engine, asked.extracted, partial(read_whole, asked), shop.settings, clock=shop.clock(2), run_id=None
    )
    assert loaded.published.size_change_count == 1


def test_a_snapshot_that_is_being_published_is_waited_for(shop: Shop) -> None:
    shop.load(0)
    asked = ask(shop.engine, shop.account, shop.settings, clock=shop.clock(2), run_id=None, may_skip=True)
    assert asked.newest is not None
    shop.world.set_size(shop.id, shop.vip, 11)
    unread = partial(publish_unread, shop.engine, asked, asked.newest, shop.settings, clock=shop.clock(2), run_id=None)
    held_up: list[tuple[bool, Future[Loaded | None]]] = []
    with ThreadPoolExecutor() as threads:

        def begin_another(connection: Connection) -> None:
            if not held_up and connection.scalar(text("select count(*) from amocrm.snapshot")) == 2:
                another = threads.submit(unread)
                held_up.append((is_held_up(shop.engine, another), another))

        event.listen(shop.engine, "commit", begin_another)
        loaded = shop.load(1)
    assert loaded.published.size_change_count == 1
    assert [(waited, another.result()) for waited, another in held_up] == [(True, None)]
    assert shop.rows("select count(*) from amocrm.snapshot") == [(2,)]


def test_load_that_comes_too_late_to_be_left_unread_keeps_its_answers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load(0)

    def ask_while_somebody_loads(*args: Any, **kwargs: Any) -> Asked:
        asked = ask(*args, **kwargs)
        assert asked.newest is not None
        monkeypatch.undo()
        shop.world.set_size(shop.id, shop.vip, 11)
        shop.load(1)
        return asked

    monkeypatch.setattr("pipelines.load.ask", ask_while_somebody_loads)
    assert shop.load(2).published.size_change_count == 1
    assert shop.rows("select count(distinct observed_at) from amocrm.raw_answer") == [(3,)]


def test_older_program_that_knows_nothing_of_this_is_noticed(shop: Shop) -> None:
    """It publishes and remembers nothing: what is remembered is then not of the newest snapshot."""
    shop.load(0)
    kept = shop.rows("select observed_at, answers::text from amocrm.newest_answers")
    shop.world.set_size(shop.id, shop.vip, 11)
    shop.load(1)
    with shop.engine.begin() as connection:
        connection.execute(
            text("update amocrm.newest_answers set observed_at = :at, answers = cast(:answers as jsonb)"),
            {"at": kept[0][0], "answers": kept[0][1]},
        )
    shop.world.set_size(shop.id, shop.vip, 10)
    loaded = shop.load(2)
    assert (loaded.published.size_change_count, loaded.extracted.request_count) == (1, 3)


def test_publishing_twice_is_publishing_once(shop: Shop) -> None:
    """As when the answer to COMMIT is lost."""
    shop.load(0)
    asked = ask(shop.engine, shop.account, shop.settings, clock=shop.clock(1), run_id=None, may_skip=True)
    assert asked.newest is not None
    for expected in (True, False):
        done = publish_unread(shop.engine, asked, asked.newest, shop.settings, clock=shop.clock(1), run_id=None)
        assert (done is not None) is expected
    loaded, _ = publish_read(
        shop.engine, asked.extracted, partial(read_whole, asked), shop.settings, clock=shop.clock(1), run_id=None
    )
    assert not loaded.published.is_new
    assert shop.reads(2) == 0


def test_load_that_is_not_newer_is_refused(shop: Shop) -> None:
    shop.load(1)
    with pytest.raises(Superseded):
        shop.load(0.5)
    assert shop.rows("select count(*) from amocrm.snapshot") == [(1,)]


def test_without_retention_nothing_is_kept_and_yet_skipped(shop: Shop) -> None:
    shop.settings = replace(shop.settings, raw_retention_days=0)
    shop.load(0)
    assert shop.reads(1) == 0
    assert shop.rows("select count(*) from amocrm.raw_answer union all select count(*) from amocrm.raw_body") == [
        (0,),
        (0,),
    ]


def test_old_answers_are_purged_by_loads_that_read_nothing(shop: Shop) -> None:
    shop.settings = replace(shop.settings, raw_retention_days=1)
    for hour in (0, 1, 24.5, 25.5):
        shop.load(hour)
    assert shop.rows("select count(distinct load_id) from amocrm.raw_answer") == [(2,)]
    assert shop.rows("select count(*) from amocrm.raw_body") == [(3,)]


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
    shop: Shop, fault: Effect, error: type[Exception], tries: int | None
) -> None:
    shop.load(0)
    before, asked = shop.contents(), len(shop.emulator.requests)
    with shop.emulator.faults.during(fault, resource="segments"), pytest.raises(error):
        shop.load(1)
    assert shop.contents() == before
    if tries is not None:
        assert len(shop.emulator.requests) - asked == 1 + tries
    assert shop.reads(2) == 0


def test_passing_fault_is_waited_for_and_then_nothing_is_known_to_differ(shop: Shop) -> None:
    shop.load(0)
    with shop.emulator.faults.during(effects.status(503), resource="fields", times=1):
        loaded = shop.load(1)
    assert (loaded.extracted.request_count, loaded.published.row_counts) == (4, {"snapshot": 1})


def test_token_of_another_account_and_a_clock_of_the_future_are_refused(shop: Shop) -> None:
    shop.load(0)
    other = shop.world.add_account("Another company")
    with pytest.raises(WrongAccount):
        shop.load(1, token=Secret(shop.emulator.long_lived_token(other)))
    with pytest.raises(SettingsError, match="ahead"):
        shop.load(400 * 24)
    assert shop.rows("select count(*) from amocrm.snapshot") == [(1,)]
    assert shop.reads(2) == 0


def test_steps_apart_are_remembered_and_always_read(shop: Shop) -> None:
    extracted = extract_load(shop.engine, shop.account, shop.settings, clock=shop.clock(0))
    publish_load(shop.engine, extracted, shop.settings, clock=shop.clock(0))
    assert shop.reads(1) == 0


def test_code_is_known_by_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hash_of_code() == READING_CODE
    for name, other in (("READING", ("amocrm",)), ("platform", SimpleNamespace(python_version=lambda: "3.99"))):
        with monkeypatch.context() as patched:
            patched.setattr(f"pipelines.reading_code.{name}", other)
            assert hash_of_code() != READING_CODE
