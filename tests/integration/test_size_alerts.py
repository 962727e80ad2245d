"""Size alerts with a real Postgres and webhook: sent once, with nearby changes."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.alerts.size_alerts import SendResult, send_size_alerts
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.publish import publish
from tests.integration.test_webhook import Hook
from tests.records import account, field, origin, segment, snapshot, stage
from tests.scan_rows import Flow, insert_scan

VIP, NEW = 1, 2
TENTH_DOWN = SizeRule(directions=("down",), percent=Decimal(10), days=7, smallest=20)
NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)  # 12:00 in Moscow


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


def publish_sizes(engine: Engine, at: datetime, sizes: Mapping[int, int | None], **changes: Any) -> None:
    """A load was published."""
    changes.setdefault("segments", tuple(segment(one, size, name=f"S{one}") for one, size in sizes.items()))
    publish(engine, snapshot(at, **changes), origin())


def publish_stage_sizes(
    engine: Engine,
    at: datetime,
    sizes: Mapping[int, int],
    moves: Iterable[Flow] = (),
    *,
    names: Mapping[int, str] | None = None,
    gone: Iterable[int] = (),
) -> None:
    """A load in periodicity mode and a scan were published."""
    stages = tuple(stage(one, name=(names or {}).get(one, f"S{one}")) for one in sizes)
    loaded = snapshot(at - timedelta(minutes=1), "periodicity", stages=stages, gone_stage_ids=frozenset(gone))
    publish(engine, loaded, origin())
    insert_scan(engine, at, sizes, moves, is_stage=True)


def send_alerts(
    engine: Engine, url: Secret | None, *rules: SizeRule, at: datetime = NOON, is_stage: bool = False
) -> SendResult:
    """Do the work that follows each load, or each scan."""
    own = AccountSettings(key="main", base_url="https://corner.amocrm.ru", token=Secret("t"), alerts=rules)
    settings = Settings(data_dir=Path("nowhere"), accounts=(own,), alert_webhook_url=url, language="en")
    return send_size_alerts(engine, own, settings, is_stage=is_stage, clock=Clock(now=lambda: at, sleep=lambda _: None))


def received_alerts(hook: Hook) -> list[dict[str, Any]]:
    """All events that arrived, one after the other."""
    bodies: list[Any] = [body for _, body, _ in hook.received]
    return [alert for body in bodies for alert in body["alerts"]]


def query_view(engine: Engine, columns: str = "*") -> list[tuple[Any, ...]]:
    """The view, in the order of events."""
    with engine.connect() as connection:
        query = f"select {columns} from analytics.size_alerts order by observed_at, segment_id"
        return [tuple(row) for row in connection.execute(text(query))]


def test_an_alert_names_both_snapshots_and_nearby_changes(engine: Engine) -> None:
    plain = {"fields": (field(7, name="Region"),)}
    publish_sizes(engine, day(0), {VIP: 370}, **plain)
    publish_sizes(engine, day(5), {}, fields=(field(7, name="Area"),), segments=(segment(VIP, 370, name="VIP <3"),))
    publish_sizes(engine, day(7), {}, fields=(field(7, name="Area"),), segments=(segment(VIP, 250, name="VIP <3"),))
    with Hook(200).running() as hook:
        assert send_alerts(engine, hook.url, TENTH_DOWN, at=day(8)) == SendResult(started_count=1, sent_count=1)
    [(_, body, _)] = hook.received
    assert set(body) == {"text", "kind", "account", "alerts"}
    assert (body["kind"], body["account"]) == ("size_alerts", "main")
    [alert] = received_alerts(hook)
    assert (body["text"] or "").startswith("amoCRM account 'main': Segment 'VIP &lt;3' shrank by 120 (")
    assert alert["message"] == (
        "Segment 'VIP &lt;3' shrank by 120 (−32,4\u00a0%) to 250. Rule: down 10 % in 7 days from 20.\n"
        "Compared: 370 on 01.03.2026 12:00, 250 on 08.03.2026 12:00 (Europe/Moscow).\n"
        "Around it:\n"
        "- 06.03.2026: Segment 'S1' renamed to 'VIP &lt;3'.\n"
        "- 06.03.2026: Field 'Region' renamed to 'Area'."
    )
    known = {name: value for name, value in alert.items() if name not in ("id", "message", "around")}
    assert known == {
        "place": "segment",
        "place_id": VIP,
        "name": "VIP &lt;3",
        "segment_id": VIP,
        "segment": "VIP &lt;3",
        "rule": "down 10 % in 7 days from 20",
        "direction": "down",
        "days": 7,
        "before": {"observed_at": day(0).isoformat(), "customers_count": 370},
        "now": {"observed_at": day(7).isoformat(), "customers_count": 250},
        "change_count": -120,
        "change_percent": -32.4,
        "missed_days": 0,
        "flows": None,
    }
    assert [one["date"] for one in alert["around"]] == ["2026-03-06", "2026-03-06"]
    [row] = query_view(engine, "alert_id::text, told_at, ended_at, message, change_percent")
    assert row == (alert["id"], day(8), None, html.unescape(alert["message"]), Decimal("-32.4"))


@pytest.mark.parametrize("is_stage", [False, True])
def test_an_alert_is_sent_once_and_again_after_it_ended(engine: Engine, is_stage: bool) -> None:
    sizes = (100, 80, 79, 100, 80)
    publish_all = publish_stage_sizes if is_stage else publish_sizes
    rule = SizeRule(directions=("down",), percent=Decimal(10), days=3, smallest=20)
    for number in range(3):
        publish_all(engine, day(number), {VIP: 100})
    with Hook(200).running() as hook:
        for number, size in enumerate(sizes):
            publish_all(engine, day(3 + number / 10), {VIP: size})
            send_alerts(engine, hook.url, rule, is_stage=is_stage)
    assert [alert["now"]["customers_count"] for alert in received_alerts(hook)] == [80, 80]
    assert query_view(engine, "observed_at, ended_at") == [(day(3.1), day(3.3)), (day(3.4), None)]


def test_time_passes_where_nothing_changes(engine: Engine) -> None:
    """Until the day of the change is the day compared with, the change is an event; then it is over."""
    publish_sizes(engine, day(0), {VIP: 100})
    publish_sizes(engine, day(1), {VIP: 50})
    rule = SizeRule(customers=50, days=2)
    with Hook(200).running() as hook:
        told = []
        for number in (1, 2, 3, 4):
            if number > 1:
                publish_sizes(engine, day(number), {VIP: 50})
            told.append(send_alerts(engine, hook.url, rule).sent_count)
    assert told == [0, 1, 0, 0]
    assert query_view(engine, "observed_at, ended_at") == [(day(2), day(3))]


def test_a_webhook_that_is_down_loses_nothing_and_fails_nothing(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100, NEW: 100})
    publish_sizes(engine, day(1), {VIP: 50, NEW: 100})
    rule = SizeRule(percent=Decimal(10))
    down = send_alerts(engine, Secret("http://127.0.0.1:1/canary-key"), rule)
    assert (down.started_count, down.sent_count) == (1, 0)
    assert "cannot be reached" in (down.failure or "")
    assert "canary-key" not in (down.failure or "")
    with Hook(500).running() as hook:
        assert "answered 500" in (send_alerts(engine, hook.url, rule).failure or "")
    [first, again] = received_alerts(hook)
    assert first["id"] == again["id"], "whoever got it anyway can tell"
    publish_sizes(engine, day(1.1), {VIP: 100, NEW: 40})
    with Hook(200).running() as hook:
        assert send_alerts(engine, hook.url, rule) == SendResult(started_count=1, sent_count=2)
        assert send_alerts(engine, hook.url, rule) == SendResult()
    assert [(alert["segment_id"], alert["id"] == first["id"]) for alert in received_alerts(hook)] == [
        (VIP, True),
        (NEW, False),
    ]
    assert len(hook.received) == 1, "what waited is one message"


def test_two_loads_at_once_tell_once(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100, NEW: 100})
    publish_sizes(engine, day(1), {VIP: 50, NEW: 20})
    rule = SizeRule(percent=Decimal(10))
    together = threading.Barrier(6)
    told: list[SendResult] = []

    def load(hook: Hook) -> None:
        together.wait()
        told.append(send_alerts(engine, hook.url, rule))

    with Hook(200).running() as hook:
        threads = [threading.Thread(target=load, args=(hook,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [one.failure for one in told] == [None] * 6
    assert sorted(alert["segment_id"] for alert in received_alerts(hook)) == [VIP, NEW]
    assert sum(one.started_count for one in told) == sum(one.sent_count for one in told) == 2


def test_while_one_load_is_telling_another_leaves_that_to_it(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100, NEW: 100})
    publish_sizes(engine, day(1), {VIP: 50, NEW: 100})
    rule = SizeRule(percent=Decimal(10))
    between_events: list[SendResult] = []

    class Received(list[Any]):
        """What arrives; with the first of it another load ends, before this one has its answer."""

        def append(self, item: Any) -> None:
            super().append(item)
            if not between_events:
                publish_sizes(engine, day(1.1), {VIP: 50, NEW: 50})
                between_events.append(send_alerts(engine, other.url, rule))

    with Hook(200).running() as hook, Hook(200).running() as other:
        hook.received = Received()
        told = send_alerts(engine, hook.url, rule)
    assert (told, between_events) == (
        SendResult(started_count=1, sent_count=1),
        [SendResult(started_count=1, sent_count=1)],
    )
    assert [[alert["segment_id"] for alert in received_alerts(one)] for one in (hook, other)] == [[VIP], [NEW]]


@pytest.mark.parametrize("is_about", ["rules", "webhook"])
def test_without_rules_or_webhook_nothing_is_done(is_about: str) -> None:
    nowhere: Any = None  # no database is asked
    with Hook(200).running() as hook:
        rules, url = ((), hook.url) if is_about == "rules" else ((TENTH_DOWN,), None)
        assert send_alerts(nowhere, url, *rules) == SendResult()
    assert not hook.received


def test_before_the_first_load_no_alert_is_sent(engine: Engine) -> None:
    with Hook(200).running() as hook:
        assert send_alerts(engine, hook.url, TENTH_DOWN) == SendResult()
        publish_sizes(engine, day(0), {VIP: 100})
        assert send_alerts(engine, hook.url, TENTH_DOWN) == SendResult()
    assert not hook.received


def test_an_alert_mentions_a_gap(engine: Engine) -> None:
    for number in (0, 1, 2, 3):
        publish_sizes(engine, day(number), {VIP: 100})
    publish_sizes(engine, day(9), {VIP: 50})
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, SizeRule(customers=50, days=1))
    [alert] = received_alerts(hook)
    assert alert["missed_days"] == 5
    assert alert["before"]["observed_at"] == day(3).isoformat()
    assert "so this is the change of 6 days instead of 1." in alert["message"]
    assert [(one["kind"], one["date"]) for one in alert["around"]] == [("gap", "2026-03-04")]
    assert "No data for 6 days; 5 loads are missing" in alert["message"]


def test_a_mode_that_is_switched_off_and_on_is_no_event(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100})
    publish_sizes(engine, day(1), {VIP: 50})
    rule = SizeRule(customers=50, days=5)
    with Hook(200).running() as hook:
        publish_sizes(engine, day(5), {VIP: 50})
        send_alerts(engine, hook.url, rule)
        publish(engine, snapshot(day(5.1), "periodicity", account=account("periodicity")), origin())
        assert send_alerts(engine, hook.url, rule) == SendResult()
        publish_sizes(engine, day(5.2), {VIP: 50})
        assert send_alerts(engine, hook.url, rule) == SendResult()
    assert len(received_alerts(hook)) == 1
    assert query_view(engine, "ended_at") == [(None,)]


def test_many_events_are_one_message_that_stays_short(engine: Engine) -> None:
    publish_sizes(engine, day(0), dict.fromkeys(range(1, 41), 100))
    publish_sizes(engine, day(1), dict.fromkeys(range(1, 41), 10))
    with Hook(200).running() as hook:
        assert send_alerts(engine, hook.url, SizeRule(percent=Decimal(10))).sent_count == 40
    [(_, body, _)] = hook.received
    assert len(received_alerts(hook)) == 40
    assert (body["text"] or "").count("shrank by 90") == 10
    assert (body["text"] or "").endswith("\n\nAnd 30 more: see analytics.size_alerts.")


def test_names_mention_no_user(engine: Engine) -> None:
    named = "<!channel> @all <https://x.example|click> &"
    publish_sizes(engine, day(0), {}, segments=(segment(VIP, 100, name=named),))
    publish_sizes(engine, day(1), {}, segments=(segment(VIP, 10, name=named),))
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, SizeRule(percent=Decimal(10), segments=(named,)))
    [(_, body, _)] = hook.received
    assert not {"<", ">", "@all"} & {part for part in ("<", ">", "@all") if part in (body["text"] or "")}
    [alert] = received_alerts(hook)
    assert not re.search(r"[<>|]|@all|://", json.dumps(body, ensure_ascii=False)), "nor by another field of the message"
    assert alert["segment_id"] == VIP


def test_a_database_that_refuses_is_no_error_of_the_load(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100})
    with engine.begin() as connection:
        connection.execute(text("alter table amocrm.size_alert rename to elsewhere"))
    with Hook(200).running() as hook:
        told = send_alerts(engine, hook.url, TENTH_DOWN)
    assert told.failure is not None
    assert "size_alert" in told.failure
