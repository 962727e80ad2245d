"""Jumps relative to a series' own rhythm, with nearby changes."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from pipelines.amocrm.models import Segment
from pipelines.report.events import events_by_place, timeline_events
from pipelines.report.figures import read_figures
from pipelines.report.formats import Formats
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.publish import publish
from pipelines.warehouse.queries import statement
from tests.accounts import fetch_rows
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, account, field, origin, segment, snapshot

START: Final = datetime(2026, 1, 1, 20, tzinfo=UTC)  # a Thursday, 23:00 in Moscow
FIRST_DAY: Final = date(2026, 1, 1)
DAYS: Final = 150
OF_EACH: Final = 6
"""Segments that follow each kind of series."""

Series = Callable[[random.Random], list[int]]


def poisson(chance: random.Random, mean: float) -> int:
    """A count of independent events (Knuth's algorithm)."""
    limit, number, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        number, product = number + 1, product * chance.random()
    return number


def still(chance: random.Random) -> list[int]:
    return [chance.randint(0, 5000)] * DAYS


def nearly_still(chance: random.Random) -> list[int]:
    level = chance.randint(50, 5000)
    return [round(level * (1 + chance.gauss(0, 0.003))) for _ in range(DAYS)]


def noisy(chance: random.Random) -> list[int]:
    level = chance.randint(50, 5000)
    return [round(level * (1 + chance.gauss(0, 0.05))) for _ in range(DAYS)]


def growing(chance: random.Random) -> list[int]:
    return summed(chance.randint(10, 500), lambda _: poisson(chance, 4))


def shrinking(chance: random.Random) -> list[int]:
    return summed(3000, lambda _: -poisson(chance, 12))


def wandering(chance: random.Random) -> list[int]:
    return summed(2000, lambda _: round(chance.gauss(0, 25)))


def on_workdays(chance: random.Random) -> list[int]:
    return summed(300, lambda day: poisson(chance, 25) if weekday(day) < 5 else 0)


def emptied_on_mondays(chance: random.Random) -> list[int]:
    """Such as 'bought this week'."""
    sizes, size = [], 0
    for day in range(DAYS):
        size = (0 if weekday(day) == 0 else size) + poisson(chance, 30)
        sizes.append(size)
    return sizes


def small_at_weekends(chance: random.Random) -> list[int]:
    return [round((700 if weekday(day) >= 5 else 1000) + chance.gauss(0, 12)) for day in range(DAYS)]


def by_percent(chance: random.Random) -> list[int]:
    return [round(200 * 1.01**day * (1 + chance.gauss(0, 0.003))) for day in range(DAYS)]


def tiny(chance: random.Random) -> list[int]:
    return summed(5, lambda _: chance.choice((-1, 0, 0, 0, 0, 1)))


def summed(level: int, change: Callable[[int], int]) -> list[int]:
    sizes = [level]
    for day in range(1, DAYS):
        sizes.append(max(0, sizes[-1] + change(day)))
    return sizes


def weekday(day: int) -> int:
    return (FIRST_DAY + timedelta(days=day)).weekday()


KINDS: Final[tuple[Series, ...]] = (
    still,
    nearly_still,
    noisy,
    growing,
    shrinking,
    wandering,
    on_workdays,
    emptied_on_mondays,
    small_at_weekends,
    by_percent,
    tiny,
)
JUMP_DAY: Final = 100
QUIET_ID: Final = 1
JUMPING_ID: Final = 1001


@pytest.fixture(scope="module")
def simulated(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    """Every kind of series a few times, and each once more with a fifth and thirty heads added from one day on."""
    chance = random.Random(20260101)  # noqa: S311  # the same series every time
    series = [(kind.__name__, kind(chance)) for kind in KINDS for _ in range(OF_EACH)]
    jumping = [
        (name, [*sizes[:JUMP_DAY], *(size + 30 + sizes[JUMP_DAY] // 5 for size in sizes[JUMP_DAY:])])
        for name, sizes in series
    ]
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        for day in range(DAYS):
            segments = [
                segment(first_id + number, sizes[day], name=name)
                for first_id, group in ((QUIET_ID, series), (JUMPING_ID, jumping))
                for number, (name, sizes) in enumerate(group)
            ]
            publish(engine, snapshot(START + timedelta(days=day), segments=tuple(segments)), origin())
        yield engine
        engine.dispose()


def test_series_that_keep_their_rhythm_raise_no_alarm(simulated: Engine) -> None:
    """In 66 segments over 150 days: 9,900 days."""
    alarms = Counter(
        name
        for (name,) in fetch_rows(
            simulated, "select name from analytics.segment_jumps where segment_id < :id", id=JUMPING_ID
        )
    )
    assert not alarms


def test_a_fifth_more_is_found_except_where_it_is_usual(simulated: Engine) -> None:
    found = Counter(
        name
        for name, day in fetch_rows(
            simulated,
            "select name, observed_date from analytics.segment_jumps where segment_id >= :id",
            id=JUMPING_ID,
        )
        if day == FIRST_DAY + timedelta(days=JUMP_DAY)
    )
    missed = {kind.__name__: OF_EACH - found[kind.__name__] for kind in KINDS}
    # Noise of 5 % makes changes of 7 %, so that one of 20 % and some is not four times what is usual.
    assert {name for name, number in missed.items() if number} <= {"noisy", "emptied_on_mondays"}


def test_a_jump_is_reported_once(simulated: Engine) -> None:
    days = {day for (day,) in fetch_rows(simulated, "select observed_date from analytics.segment_jumps")}
    assert days == {FIRST_DAY + timedelta(days=JUMP_DAY)}


def test_an_unfinished_day_is_no_alarm(engine: Engine) -> None:
    """A segment that grows by a hundred a day has not grown yet in the morning."""
    for day in range(60):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, 1000 + 100 * day),)), origin())
    publish(engine, snapshot(START + timedelta(days=59, hours=5), segments=(segment(1, 6900),)), origin())
    assert fetch_rows(engine, "select * from analytics.segment_jumps") == []
    publish(engine, snapshot(START + timedelta(days=59, hours=6), segments=(segment(1, 7500),)), origin())
    assert fetch_rows(
        engine, "select observed_date, change_count, usual_change_count::int from analytics.segment_jumps"
    ) == [(date(2026, 3, 2), 600, 100)]


def test_usual_growth_over_days_without_a_load_is_no_alarm(engine: Engine) -> None:
    for day in (*range(60), 66):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, 1000 + 100 * day),)), origin())
    assert fetch_rows(engine, "select * from analytics.segment_jumps") == []
    publish(engine, snapshot(START + timedelta(days=70), segments=(segment(1, 9999),)), origin())
    assert fetch_rows(
        engine,
        "select previous_date, observed_date, missed_days, change_count, usual_change_count::int, longest_gap_seconds"
        " from analytics.segment_jumps",
    ) == [(date(2026, 3, 8), date(2026, 3, 12), 3, 2399, 400, 4 * 86400)]


@pytest.mark.parametrize(("change", "is_told"), [(79, False), (80, True)])
def test_over_several_days_more_is_usual(engine: Engine, change: int, is_told: bool) -> None:
    """Ten more a day in one week and ten fewer in the next deviate by ten; over four days by twice that."""
    size = 1000
    for day in range(70):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, size),)), origin())
        size += 10 if day // 7 % 2 else -10
    [(size,)] = fetch_rows(engine, "select customers_count from analytics.segments")
    publish(engine, snapshot(START + timedelta(days=73), segments=(segment(1, size + change),)), origin())
    assert fetch_rows(engine, "select change_count, usual_deviation::int from analytics.segment_jumps") == (
        [(80, 20)] if is_told else []
    )


@pytest.mark.parametrize(("days", "is_judged"), [(28, False), (29, True)])
def test_nothing_is_judged_before_the_fifth_week(engine: Engine, days: int, is_judged: bool) -> None:
    for day in range(days):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, 100),)), origin())
    publish(engine, snapshot(START + timedelta(days=days), segments=(segment(1, 900),)), origin())
    assert bool(fetch_rows(engine, "select * from analytics.segment_jumps")) == is_judged


def test_a_missing_drop_is_a_jump_once_the_day_is_over(engine: Engine) -> None:
    """A segment of 1,000 has 700 at weekends, and on one Saturday 950."""
    for day in range(60):
        usual = 700 if weekday(day) >= 5 else 1000
        size = 950 if day >= 58 else usual
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, size),)), origin())
        if day == 58:
            assert weekday(day) == 5
            assert fetch_rows(engine, "select * from analytics.segment_jumps") == []
    assert fetch_rows(
        engine, "select observed_date, change_count, usual_change_count::int from analytics.segment_jumps"
    ) == [(date(2026, 2, 28), -50, -300)]


def world_with_a_jump(engine: Engine, jump: int, **last: Any) -> None:
    """Forty still days of two segments, then a jump of the first; the last snapshot shows what ``last`` says."""
    plain: dict[str, Any] = {"account": account(), "fields": (field(7, name="Region"),), "first": {}, "second": {}}

    def seen(at: datetime, size: int, *, first: Any, second: Any, **things: Any) -> None:
        segments: tuple[Segment, ...] = (segment(1, size, **first), segment(2, 50, **second))
        publish(engine, snapshot(at, segments=segments, **things), origin())

    for day in range(40):
        seen(START + timedelta(days=day), 100, **plain)
    seen(START + timedelta(days=40), jump, **plain | last)


def test_beside_a_jump_stands_what_changed_around_it(engine: Engine) -> None:
    world_with_a_jump(
        engine,
        140,
        account=account(timezone="Asia/Omsk"),
        fields=(field(7, name="Region of sale"),),
        first={"name": "Renamed"},
        second={"name": "Renamed too"},
    )
    [(things, changes)] = fetch_rows(engine, "select changed_things, changes from analytics.segment_jumps")
    assert things == "account, field, segment"
    with engine.connect() as connection:
        jump = connection.execute(statement("report_jumps"), {"account_id": ACCOUNT_ID, "first_date": FIRST_DAY}).one()
    assert jump.changed_things == "field 'Region of sale', the account, the segment"
    assert [(one["thing"], one["property"], one["old"], one["new"]) for one in changes] == [
        ("account", "timezone", "Europe/Moscow", "Asia/Omsk"),
        ("field", "name", "Region", "Region of sale"),
        ("segment", "name", "Segment 1", "Renamed"),
    ]


def test_segments_that_came_or_went_are_reported_with_a_jump(engine: Engine) -> None:
    for day in range(40):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, 100), segment(2, 50))), origin())
    last = snapshot(
        START + timedelta(days=40), segments=(segment(1, 140), segment(3, 5)), gone_segment_ids=frozenset({2})
    )
    publish(engine, last, origin())
    assert fetch_rows(engine, "select changed_things from analytics.segment_jumps") == [("segment",)]
    with engine.connect() as connection:
        jump = connection.execute(statement("report_jumps"), {"account_id": ACCOUNT_ID, "first_date": FIRST_DAY}).one()
    assert jump.changed_things == "segment 'Segment 2' (deleted), segment 'Segment 3' (added)"


def test_old_changes_are_not_reported(engine: Engine) -> None:
    for day in range(41):
        name = "Old" if day < 37 else "New"
        seen = segment(1, 100 if day < 40 else 140, name=name)
        publish(engine, snapshot(START + timedelta(days=day), segments=(seen,)), origin())
    assert fetch_rows(engine, "select changed_things from analytics.segment_jumps") == [(None,)]


def test_a_jump_that_nothing_explains(engine: Engine) -> None:
    world_with_a_jump(engine, 140, second={"name": "Renamed"})
    assert fetch_rows(
        engine,
        "select name, previous_count, last_count, change_percent::text, changed_things, changes, missed_days,"
        " previous_observed_at, observed_at from analytics.segment_jumps",
    ) == [
        ("Segment 1", 100, 140, "40.0", None, None, 0, START + timedelta(days=39), START + timedelta(days=40)),
    ]


@pytest.mark.parametrize(("jump", "is_told"), [(104, False), (105, True), (95, True), (96, False)])
def test_a_jump_is_five_customers_and_five_percent_at_least(engine: Engine, jump: int, is_told: bool) -> None:
    world_with_a_jump(engine, jump)
    assert bool(fetch_rows(engine, "select * from analytics.segment_jumps")) == is_told


def test_a_returning_segment_is_reported_with_its_return(engine: Engine) -> None:
    for day in range(40):
        publish(engine, snapshot(START + timedelta(days=day), segments=(segment(1, 100),)), origin())
    publish(engine, snapshot(START + timedelta(days=40), gone_segment_ids=frozenset({1})), origin())
    publish(engine, snapshot(START + timedelta(days=41), segments=(segment(1, 200),)), origin())
    [(missed_days, changes)] = fetch_rows(engine, "select missed_days, changes from analytics.segment_jumps")
    assert missed_days == 1
    assert [one["change"] for one in changes] == ["deleted", "returned"]


def test_a_segment_that_came_or_went_is_beside_the_jumps_of_others(engine: Engine) -> None:
    """Two sizes jump on the day on which a third segment is added and a fourth one deleted."""
    for day in range(40):
        segments = tuple(segment(number, 100) for number in (1, 2, 4))
        publish(engine, snapshot(START + timedelta(days=day), segments=segments), origin())
    segments = (segment(1, 40), segment(2, 50), segment(3, 110, name="Third"))
    last = snapshot(START + timedelta(days=40), segments=segments, gone_segment_ids=frozenset({4}))
    publish(engine, last, origin())
    rows = fetch_rows(engine, "select segment_id, changed_things, changes from analytics.segment_jumps order by 1")
    assert [(segment_id, things) for segment_id, things, _ in rows] == [(1, "segment"), (2, "segment")]
    for _, _, changes in rows:
        assert [(one["thing_id"], one["change"]) for one in changes] == [(3, "added"), (4, "deleted")]
    figures = read_figures(engine, origin().account_key)
    formats = Formats.for_account("GB", "Europe/Moscow")
    context = "Changed around that time: segment 'Segment 4' (deleted), segment 'Third' (added)."
    for segment_id in (1, 2):
        text = events_by_place(figures, "segment", formats)[segment_id][-1].text
        assert text.endswith(f"{context} 1 other segment jumped on that day.")
    [text] = [event.text for event in timeline_events(figures, formats) if event.kind == "jump"]
    assert text.endswith(f"'Segment 2' \u221250 (usual: 0). {context}")
