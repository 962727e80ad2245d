"""Scans of random lives, compared with the emulator's true record.

``--hypothesis-profile=search`` looks for new lives.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from emulator import Clock, Emulator
from emulator.quirks import Quirks
from tests.random_scans import FAULTS, HARMLESS, LIES, UNUSABLE, RandomLife, Setting, is_search
from tests.records import START
from tests.scan_checks import check_scan

EXAMPLES: Final = 8

Step = Callable[[RandomLife], object]

TIMEZONES: Final = ("Europe/Moscow", "Pacific/Kiritimati", "America/New_York", "Pacific/Honolulu", "Africa/Casablanca")
BEGINS: Final = (
    START,
    datetime(2026, 3, 7, 20, tzinfo=UTC),  # the night of New York's spring
    datetime(2026, 10, 31, 22, tzinfo=UTC),  # and of its autumn
    datetime(2026, 12, 31, 9, 59, 50, tzinfo=UTC),  # ten seconds before Kiritimati's new year
)

QUIRKS: Final = st.builds(
    Quirks,
    max_limit=st.sampled_from((3, 7, 250)),
    falls_back_over_max=st.just(False),
    customers_order=st.sampled_from(("id", "updated_at")),
    customer_changes_per_page=st.sampled_from((0.0, 0.0, 1.5)),
    missing_event_share=st.sampled_from((0.0, 0.0, 0.4)),
    hidden_customer_status=st.sampled_from((200, 204, 403)),
    is_deleted_customer_204=st.booleans(),
    is_missing_thing_204=st.booleans(),
    ignores_event_filters=st.booleans(),
    is_past_end_204=st.booleans(),
    is_empty_list_204=st.booleans(),
    customers_504_above=st.sampled_from((None, None, 60, 20)),
    stage_moves_customer_updated_at=st.booleans(),
)

SETTINGS: Final = st.builds(
    Setting,
    mode=st.sampled_from(("segments", "periodicity")),
    timezone=st.sampled_from(TIMEZONES),
    begin=st.sampled_from(BEGINS),
    customer_count=st.sampled_from((0, 2, 12, 25)),
    quirks=QUIRKS,
    max_by_id=st.sampled_from((2, 500)),
)

RESOURCES: Final = st.sampled_from(("account", "customers", "customers", "customer", "events", "segments"))
SEEDS: Final = st.integers(0, 9_999)
NTH: Final = st.integers(1, 6)


def step(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A step of a life, by the name of its method."""
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


CHANGES: Final = st.one_of(
    step("change", count=st.integers(1, 12), seed=SEEDS),
    step("change", count=st.integers(1, 12), seed=SEEDS),
    step("hide_all", is_hidden=st.booleans(), stride=st.integers(1, 5)),
    step("remove_place", is_stage=st.booleans()),
    step("switch_mode", mode=st.sampled_from(("segments", "periodicity", "segments", "periodicity", "disabled"))),
    step("forget", index=SEEDS),
)
PAUSES: Final = st.one_of(
    step("pass_time", hours=st.sampled_from((0.1, 0.9, 2, 7, 24, 24 * 33))),
    step("move_timezone", timezone=st.sampled_from(TIMEZONES)),
)
SCANS: Final = st.one_of(
    step("scan"),
    step("scan"),
    step("scan_and_die", death=st.integers(0, 160)),
    step("scan_and_die", death=st.integers(0, 160)),
    step("scan_through_a_fault", fault=st.sampled_from(sorted(FAULTS)), resource=RESOURCES, nth=NTH),
    step("scan_through_a_lie", lie=st.sampled_from(sorted(LIES)), nth=NTH),
    step("scan_odd_rows", changes=st.sampled_from((*UNUSABLE, *HARMLESS)), nth=NTH, index=SEEDS),
    step("scan_with_an_early_clock", seconds=st.sampled_from((120, 3_600, 86_400 * 400))),
    step("scan_twice_at_once", seed=SEEDS),
    step("scan_while", nth=NTH, resource=RESOURCES, other=CHANGES),
)


def test_scans_agree_with_the_truth(engine: Engine, tmp_path: Path) -> None:
    with Emulator(clock=Clock(START)) as emulator:

        @settings(
            max_examples=settings().max_examples if is_search() else EXAMPLES,
            suppress_health_check=list(HealthCheck),
            deadline=None,
        )
        @given(setting=SETTINGS, steps=st.lists(st.one_of(CHANGES, PAUSES, SCANS, SCANS), min_size=4, max_size=14))
        def live(setting: Setting, steps: list[tuple[str, dict[str, Any]]]) -> None:
            life = RandomLife(emulator, engine, tmp_path, setting)
            for name, arguments in (*steps, ("scan", {})):
                count = life.scan_count
                perform(life, name, arguments)
                if life.scan_count > count:
                    check_scan(life)

        live()


def perform(life: RandomLife, name: str, arguments: dict[str, Any]) -> None:
    """Do one step."""
    if "other" in arguments:
        other, its_arguments = arguments["other"]
        arguments = {key: value for key, value in arguments.items() if key != "other"}
        arguments["act"] = lambda: perform(life, other, its_arguments)
    getattr(life, name)(**arguments)
