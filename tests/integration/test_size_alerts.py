"""Alerts on sizes, with a real Postgres and a real webhook: told once, whatever happens, and with what changed around."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.clock import Clock
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from pipelines.size_alerts.rules import SizeRule
from pipelines.size_alerts.tell import Told, tell_of_sizes
from pipelines.warehouse.publish import publish
from tests.integration.test_alerts import Hook
from tests.records import account, field, origin, segment, snapshot

VIP, NEW = 1, 2
TENTH_DOWN = SizeRule(directions=("down",), percent=Decimal(10), days=7, smallest=20)
NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)  # 12:00 in Moscow


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


def see(engine: Engine, at: datetime, sizes: Mapping[int, int | None], **changes: Any) -> None:
    """A load was published."""
    changes.setdefault("segments", tuple(segment(one, size, name=f"S{one}") for one, size in sizes.items()))
    publish(engine, snapshot(at, **changes), origin())


def tell(engine: Engine, url: Secret | None, *rules: SizeRule, at: datetime = NOON) -> Told:
    """What is done after each load."""
    own = AccountSettings(key="main", base_url="https://corner.amocrm.ru", token=Secret("t"), alerts=rules)
    settings = Settings(data_dir=Path("nowhere"), accounts=(own,), alert_webhook_url=url)
    return tell_of_sizes(engine, own, settings, clock=Clock(now=lambda: at, sleep=lambda _: None))


def alerts_of(hook: Hook) -> list[dict[str, Any]]:
    """All events that arrived, one after the other."""
    bodies: list[Any] = [body for _, body, _ in hook.received]
    return [alert for body in bodies for alert in body["alerts"]]


def shown(engine: Engine, columns: str = "*") -> list[tuple[Any, ...]]:
    """The view, in the order of events."""
    with engine.connect() as connection:
        query = f"select {columns} from analytics.size_alerts order by observed_at, segment_id"  # noqa: S608
        return [tuple(row) for row in connection.execute(text(query))]


def test_an_event_is_told_with_both_snapshots_and_what_changed_around_it(engine: Engine) -> None:
    plain = {"fields": (field(7, name="Region"),)}
    see(engine, day(0), {VIP: 370}, **plain)
    see(engine, day(5), {}, fields=(field(7, name="Area"),), segments=(segment(VIP, 370, name="VIP <3"),))
    see(engine, day(7), {}, fields=(field(7, name="Area"),), segments=(segment(VIP, 250, name="VIP <3"),))
    with Hook(200).running() as hook:
        assert tell(engine, hook.url, TENTH_DOWN, at=day(8)) == Told(begun_count=1, told_count=1)
    [(_, body, _)] = hook.received
    assert set(body) == {"text", "kind", "account", "alerts"}
    assert (body["kind"], body["account"]) == ("size_alerts", "main")
    [alert] = alerts_of(hook)
    assert body["text"].startswith("amoCRM account 'main': Segment 'VIP &lt;3' shrank by 120 (")
    assert alert["message"] == (
        "Segment 'VIP <3' shrank by 120 (−32,4\u00a0%) to 250. Rule: down 10 % in 7 days from 20.\n"
        "Compared: 370 on 01.03.2026 12:00, 250 on 08.03.2026 12:00 (Europe/Moscow).\n"
        "Around it:\n"
        "- 06.03.2026: Segment 'S1' renamed to 'VIP <3'.\n"
        "- 06.03.2026: Field 'Region' renamed to 'Area'."
    )
    known = {name: value for name, value in alert.items() if name not in ("id", "message", "around")}
    assert known == {
        "segment_id": VIP,
        "segment": "VIP <3",
        "rule": "down 10 % in 7 days from 20",
        "direction": "down",
        "days": 7,
        "before": {"observed_at": day(0).isoformat(), "customers_count": 370},
        "now": {"observed_at": day(7).isoformat(), "customers_count": 250},
        "change_count": -120,
        "change_percent": -32.4,
        "missed_days": 0,
    }
    assert [one["date"] for one in alert["around"]] == ["2026-03-06", "2026-03-06"]
    [row] = shown(engine, "alert_id::text, told_at, ended_at, message, change_percent")
    assert row == (alert["id"], day(8), None, alert["message"], Decimal("-32.4"))
