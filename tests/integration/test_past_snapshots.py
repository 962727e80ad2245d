"""Past snapshots read back as records."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import FieldValue, Rule, Segment, Snapshot
from pipelines.warehouse.past import StoredAccount, read_last_observed_at, read_snapshot_at, read_stored_accounts
from pipelines.warehouse.publish import publish
from tests.records import ACCOUNT_ID, account, field, hours, option, origin, segment, snapshot, stage
from tests.sample_history import (
    BERLIN,
    GOOD_FRIDAY,
    HISTORY,
    NEW,
    SUNDAY_NIGHT,
    THURSDAY,
    VIP,
    publish_history,
)


def stored(seen: Snapshot) -> Snapshot:
    """What of a snapshot is stored of it."""
    return replace(
        seen,
        segments=tuple(replace(one, content_hash=b"") for one in seen.segments),
        anomalies=(),
        gone_stage_ids=frozenset(),
        gone_segment_ids=frozenset(),
        gone_field_ids=frozenset(),
    )


def read(engine: Engine, at: Snapshot, after: timedelta = timedelta()) -> Snapshot | None:
    with engine.connect() as connection:
        return read_snapshot_at(connection, ACCOUNT_ID, at.observed_at + after)


@pytest.mark.parametrize("number", range(len(HISTORY)))
def test_every_snapshot_comes_back(engine: Engine, number: int) -> None:
    publish_history(engine)
    seen = HISTORY[number]
    assert read(engine, seen) == stored(seen)
    assert read(engine, seen, timedelta(minutes=9)) == stored(seen)


def test_before_the_first_snapshot_there_is_nothing(engine: Engine) -> None:
    publish_history(engine)
    assert read(engine, HISTORY[0], timedelta(microseconds=-1)) is None


def test_a_mode_that_was_switched_off_had_nothing(engine: Engine) -> None:
    publish_history(engine)
    with engine.connect() as connection:
        found = read_snapshot_at(connection, ACCOUNT_ID, HISTORY[-2].observed_at.astimezone(BERLIN))
    assert found
    assert (found.account.mode, found.segments, len(found.stages)) == ("periodicity", (), 2)


ODD = {"unknown": [1, Decimal("0.10000000000000000001"), None, {"Ёж": "🦔"}], "large": 2**70}


def every_type() -> Segment:
    """A segment with a value of every type."""
    plain: dict[str, Any] = {"field_type": "any", "position": 0}
    return segment(
        1,
        None,
        name=None,
        color=None,
        created_at=None,
        updated_at=None,
        price_field_ids=(3, 5),
        extra=ODD,
        field_values=(
            FieldValue(field_id=1, text="'; \\. {} %s", **plain),
            FieldValue(field_id=2, number=Decimal("12.500"), **plain),
            FieldValue(field_id=3, boolean=False, **plain),
            FieldValue(field_id=4, date=hours(0).date(), **plain),
            FieldValue(field_id=5, instant=hours(1), **plain),
            FieldValue(field_id=6, option_id=60, field_type="multiselect", position=0),
            FieldValue(field_id=6, option_id=61, field_type="multiselect", position=1),
            FieldValue(field_id=7, field_type=None, position=0, json=ODD),
        ),
    )


def test_values_come_back_exactly(engine: Engine) -> None:
    seen = snapshot(
        hours(0),
        segments=(every_type(), segment(2, 0)),
        fields=(field(6, option(60, extra=ODD), option(61, value=None), extra=ODD), field(7, code="CODE", type=None)),
    )
    publish(engine, seen, origin())
    assert read(engine, seen) == stored(seen)


def test_rules_come_back_with_their_structure(engine: Engine) -> None:
    rules = (
        Rule(group=0, position=0, type="tag", match=[1, 2], body={"type": "tag", "match": {"value": [1, 2]}}),
        Rule(group=2, position=0, type=None, match=Decimal("0.5"), body={"match": Decimal("0.5")}),
        Rule(group=2, position=1, type="x", match=None, body=[None]),
    )
    seen = snapshot(
        hours(0),
        account=account("periodicity"),
        stages=(stage(1, rules, extra=ODD), stage(2, sort=None, is_default=None, type=None)),
    )
    publish(engine, seen, origin())
    assert read(engine, seen) == stored(seen)


@pytest.mark.parametrize(
    ("kind", "thing_id", "seen"),
    [
        ("segment", NEW, SUNDAY_NIGHT),
        ("segment", VIP, GOOD_FRIDAY),
        ("stage", 21, THURSDAY),
        ("stage", VIP, None),
        ("segment", 21, None),
    ],
)
def test_an_entity_has_a_last_snapshot(engine: Engine, kind: EntityKind, thing_id: int, seen: datetime | None) -> None:
    publish_history(engine)
    with engine.connect() as connection:
        assert read_last_observed_at(connection, ACCOUNT_ID, kind, thing_id) == seen


def test_accounts_with_a_history_are_found_by_key(engine: Engine) -> None:
    publish(engine, snapshot(hours(0), account=account(id=2)), origin(account_key="second"))
    publish(engine, snapshot(hours(0), account=account(id=1, timezone="Europe/Berlin")), origin(account_key="first"))
    with engine.connect() as connection:
        assert read_stored_accounts(connection) == [
            StoredAccount(key="first", id=1, timezone=BERLIN),
            StoredAccount(key="second", id=2, timezone=ZoneInfo("Europe/Moscow")),
        ]
