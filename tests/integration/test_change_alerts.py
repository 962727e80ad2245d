"""Alerts on changes with a real Postgres and receivers: each change once, in words, with the restoring command."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from commands.cli import cli
from commands.doctor.receivers import check_receivers
from emulator import Emulator
from pipelines.alerts.after_load import AlertsResult, send_alerts
from pipelines.amocrm.models import Rule, Segment, Stage
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.change_kinds import CHANGE_KINDS, DEFAULT_CHANGE_KINDS
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.publish import publish
from tests.integration.test_webhook import Hook
from tests.records import hours, origin, segment, snapshot, stage

NOWHERE = Secret("http://127.0.0.1:1/canary-key")
VIP, NEW, COLD = 11, 12, 13


def after_days(days: int) -> Rule:
    body = {"type": "after_purchase", "match": {"value": days}}
    return Rule(group=1, position=0, type="after_purchase", match=days, body=body)


def load(engine: Engine, hour: float, *segments: Segment, stages: Iterable[Stage] | None = None) -> None:
    """Publish a snapshot of these segments, or of stages in the other mode."""
    if stages is None:
        gone = frozenset({VIP, NEW, COLD} - {one.id for one in segments})
        publish(engine, snapshot(hours(hour), segments=segments, gone_segment_ids=gone), origin())
    else:
        publish(engine, snapshot(hours(hour), "periodicity", stages=tuple(stages)), origin())


def settings_of(
    url: Secret | None, services: tuple[Secret, ...] = (), kinds: frozenset[str] = DEFAULT_CHANGE_KINDS
) -> Settings:
    """Settings with these receivers."""
    own = AccountSettings(key="main", base_url="https://corner.amocrm.ru", token=Secret("t"), language="en")
    return Settings(
        data_dir=Path("nowhere"), accounts=(own,), alert_webhook_url=url, alert_urls=services, change_alerts=kinds
    )


def send(
    engine: Engine,
    url: Secret | None,
    kinds: frozenset[str] = DEFAULT_CHANGE_KINDS,
    services: tuple[Secret, ...] = (),
) -> AlertsResult:
    """Do what follows each load."""
    settings = settings_of(url, services, kinds)
    return send_alerts(engine, settings.account(), settings, clock=Clock(now=datetime.now, sleep=lambda _: None))


def texts(hook: Hook) -> list[str]:
    return [str(body["text"]) for _, body, _ in hook.received]


def changes_of(hook: Hook) -> list[list[str]]:
    """The changes of each message, as entity, id and kind."""
    bodies: list[Any] = [body for _, body, _ in hook.received]
    return [[f"{one['entity']} {one['entity_id']} {one['kind']}" for one in body["changes"]] for body in bodies]


def test_each_kind_is_told_once_in_words_with_the_command_that_restores_it(engine: Engine) -> None:
    with Hook(200).running() as hook:
        load(engine, 0, segment(VIP, name="VIP"), segment(NEW, name="New"), segment(COLD, price_field_ids=(5, 6)))
        assert send(engine, hook.url) == AlertsResult(), "the first load has changed nothing"
        load(engine, 1, segment(VIP, name="VIP <3"), segment(COLD, price_field_ids=(5,), color="ae003f"))
        assert send(engine, hook.url) == AlertsResult(change_count=3)
        assert send(engine, hook.url) == AlertsResult(), "another program comes later"
        load(engine, 2, stages=[stage(1, [after_days(14)], name="Buyers")])
        load(engine, 3.5, stages=[stage(1, [after_days(21)], name="Buyers"), stage(2)])
        send(engine, hook.url)
        load(engine, 4, segment(VIP, name="VIP <3"), segment(COLD, price_field_ids=(5,), color="ae003f"))
        load(engine, 5, segment(VIP, name="VIP <3"), segment(COLD, price_field_ids=(5,), color="6610f2"))
        assert send(engine, hook.url, frozenset({"details"})) == AlertsResult(change_count=1)
        load(engine, 6, segment(VIP, name="Gold"), segment(COLD, price_field_ids=(5,), color="6610f2"))
        assert send(engine, hook.url, frozenset()) == AlertsResult(), "off"
        assert send(engine, hook.url, frozenset(CHANGE_KINDS)) == AlertsResult(), "what was off then is not told later"
    assert texts(hook) == [
        "amoCRM account 'main': 3 changes.\n"
        "Between 01.03.2026 12:00 and 01.03.2026 13:00 (Europe/Moscow):\n"
        "- Segment 'New' deleted (id 12).\n"
        "- Segment 'VIP' renamed to 'VIP &lt;3' (id 11).\n"
        "- Price fields of segment 'Segment 13' changed from 5, 6 to 5 (id 13).\n"
        "To restore: ./run restore --account main --as-of 2026-03-01T09:00:00+00:00"
        " --segment 12 --segment 11 --segment 13",
        "amoCRM account 'main': 3 changes.\n"
        "Between 01.03.2026 13:00 and 01.03.2026 14:00 (Europe/Moscow):\n"
        "- Customers mode of account 'Corner Coffee' changed from segments to periodicity.\n"
        "Between 01.03.2026 14:00 and 01.03.2026 15:30 (Europe/Moscow):\n"
        "- Stage 'Stage 2' added (id 2).\n"
        "- Rules of stage 'Buyers' changed: after purchase: 14 → 21 days (id 1).\n"
        "amoCRM's API cannot restore rules, bonus points and the mode: set them in amoCRM.",
        "amoCRM account 'main': 1 change.\n"
        "Between 01.03.2026 16:00 and 01.03.2026 17:00 (Europe/Moscow):\n"
        "- Color of segment 'Segment 13' changed from ae003f to 6610f2 (id 13).\n"
        "To restore: ./run restore --account main --as-of 2026-03-01T13:00:00+00:00 --segment 13",
    ]
    bodies: list[Any] = [body for _, body, _ in hook.received]
    assert set(bodies[0]) == {"text", "kind", "account", "change_count", "changes"}
    assert bodies[0]["changes"][1] == {
        "kind": "renamed",
        "entity": "segment",
        "entity_id": VIP,
        "name": "VIP &lt;3",
        "property": "name",
        "before": "VIP",
        "now": "VIP &lt;3",
        "between": [hours(0).isoformat(), hours(1).isoformat()],
        "who": None,
        "reason": None,
        "message": "Segment 'VIP' renamed to 'VIP &lt;3' (id 11).",
    }


def test_nothing_is_lost_and_nothing_is_told_twice(engine: Engine) -> None:
    load(engine, 0, segment(VIP))
    load(engine, 1, segment(VIP), segment(NEW))
    send(engine, None)
    down = send(engine, NOWHERE)
    assert (down.change_count, "cannot be reached" in (down.failure or "")) == (0, True)
    assert "canary-key" not in (down.failure or "")
    [waiting] = check_receivers(settings_of(NOWHERE).receivers, engine)
    assert (waiting.status, "every receiver (1)" in waiting.finding) == ("warning", True)
    load(engine, 2, segment(VIP), segment(NEW), segment(COLD))
    together, told = threading.Barrier(4), list[AlertsResult]()

    def send_together(hook: Hook) -> None:
        together.wait()
        told.append(send(engine, hook.url))

    with Hook(200).running() as hook:
        threads = [threading.Thread(target=send_together, args=(hook,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(one.change_count for one in told) == [0, 0, 0, 2]
    assert {one.failure for one in told} == {None}
    assert changes_of(hook) == [["segment 12 added", "segment 13 added"]]


def test_a_receiver_that_is_down_gets_its_messages_later_and_the_others_get_them_once(engine: Engine) -> None:
    load(engine, 0, segment(VIP, name="VIP"))
    load(engine, 1, segment(VIP, name="Gold"))
    with Hook(503, 503, 200).running() as late, Hook(200).running() as hook:
        services = (Secret(f"json://127.0.0.1:{late.port}/canary-key"),)
        partly = send(engine, hook.url, services=services)
        assert partly.change_count == 1
        assert partly.failure == "The receiver 'json' of AMOCRM_ALERT_URLS answered 503."
        [waiting] = check_receivers(settings_of(hook.url, services).receivers, engine)
        assert (waiting.status, "json (1)" in waiting.finding) == ("warning", True)
        assert send(engine, hook.url, services=services) == AlertsResult(), "each load of a fleet would wait for it"
        with engine.begin() as connection:
            connection.execute(text("update amocrm.undelivered_alert set tried_at = tried_at - interval '1 hour'"))
        assert send(engine, hook.url, services=services) == AlertsResult()
        [fine] = check_receivers(settings_of(hook.url, services).receivers, engine)
        assert (fine.status, fine.finding) == ("ok", "2 receivers: webhook, json.")
    assert len(hook.received) == 1
    assert len(late.received) == 3
    last: Any = late.received[-1][1]
    assert "- Segment 'VIP' renamed to 'Gold' (id 11)." in last["message"]


def test_hundreds_of_changes_are_one_short_message(engine: Engine) -> None:
    many = [segment(number) for number in range(1, 225)]
    load(engine, 0, *many)
    publish(engine, snapshot(hours(1), gone_segment_ids=frozenset(one.id for one in many)), origin())
    with Hook(200).running() as hook:
        assert send(engine, hook.url).change_count == 224
    [message] = texts(hook)
    assert message.count("deleted") == 10
    assert message.splitlines()[-2:] == [
        "To restore: ./run restore --account main --as-of 2026-03-01T09:00:00+00:00",
        "And 214 more: ./run report --account main",
    ]


def test_the_command_of_a_message_restores_what_it_tells_and_is_told_by_whom(
    emulator: Emulator, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a key that chats would take for emphasis."""
    emulator.clock.advance(datetime.now(UTC) - emulator.clock.now())
    account_id = emulator.world.add_account("Corner Coffee")
    vip, new = (emulator.world.add_segment(account_id, name, size=10) for name in ("VIP", "New"))
    (tmp_path / "accounts.toml").write_text(
        f'[accounts.corner__1]\nhost = "{emulator.host}"\ntoken_env = "CORNER"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with Hook(200).running() as hook:
        variables = {
            "AMOCRM_SETTINGS_DIR": str(tmp_path),
            "DATABASE_URL": postgres_url,
            "AMOCRM_LANGUAGE": "en",
            "CORNER": emulator.long_lived_token(account_id),
            "AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal(),
        }

        def run(line: str) -> Result:
            result = CliRunner().invoke(cli, shlex.split(line)[1:], env=variables)
            assert result.exit_code == 0, result.output
            return result

        without = variables | {"AMOCRM_ALERT_WEBHOOK_URL": ""}
        assert CliRunner().invoke(cli, ["sync"], env=without).exit_code == 0
        run(f"./run segments update {vip} --name 'VIP club' --yes --as ann")
        run("./run sync")
        assert f"- Segment 'VIP' renamed to 'VIP club' (id {vip}), by ann" in texts(hook).pop(), "the write's own load"
        hook.received.clear()
        emulator.world.rename_segment(account_id, vip, "Gold")
        emulator.world.delete_segment(account_id, new)
        run("./run sync")
        run("./run sync")
        [command] = re.findall(r"To restore: (.*)", texts(hook)[0])
        preview = run("./run alerts").stdout
        run("./run rebuild")
        run("./run sync")
        assert len(hook.received) == 1, "nothing has changed since"
        run(f"{command} --yes --as ann --reason 'by mistake'")
        run("./run sync")
    assert sorted(one.name for one in emulator.world.account(account_id).live_segments()) == ["New", "VIP club"]
    assert preview.startswith("Receivers: webhook\nRules on sizes: none. ")
    assert f"- Segment 'New' deleted (id {new})." in preview
    back = texts(hook)[1]
    assert f"- Segment 'Gold' renamed to 'VIP club' (id {vip}), by ann: by mistake." in back
    assert re.search(r"- Segment 'New' added \(id \d+\), by ann: by mistake\.", back)
