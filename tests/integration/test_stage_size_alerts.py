"""Size alerts of stages, and who came and went, with a real Postgres and webhook."""

from __future__ import annotations

from decimal import Decimal

from click.testing import CliRunner
from sqlalchemy import Engine

from commands.cli import cli
from pipelines.alerts.size_alerts import SendResult
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.warehouse.publish import publish
from tests import sample_history
from tests.integration.test_size_alerts import (
    NEW,
    VIP,
    day,
    publish_sizes,
    publish_stage_sizes,
    query_view,
    received_alerts,
    send_alerts,
)
from tests.integration.test_webhook import Hook
from tests.records import account, origin, snapshot
from tests.sample_history import publish_history
from tests.scan_rows import insert_scan


def test_an_alert_of_a_stage_says_who_came_and_went(engine: Engine) -> None:
    names = {VIP: "Loyal", NEW: "Not\nyet <b>"}
    publish_stage_sizes(engine, day(0), {VIP: 100, NEW: 50}, names=names)
    publish_stage_sizes(engine, day(0.4), {VIP: 102, NEW: 50}, [(0, VIP, 2)], names=names)
    moves = [(NEW, VIP, 50), (0, VIP, 12), (VIP, 0, 4), (NEW, 0, 1)]
    publish_stage_sizes(engine, day(1), {VIP: 160, NEW: 10}, moves, names=names)
    with Hook(200).running() as hook:
        down = send_alerts(engine, Secret("http://127.0.0.1:1/"), SizeRule(customers=50), is_stage=True)
        assert (down.started_count, down.sent_count) == (1, 0)
        assert send_alerts(engine, hook.url, SizeRule(customers=50), at=day(2)).sent_count == 1, "a load retries"
    [alert] = received_alerts(hook)
    assert alert["message"] == (
        "Stage 'Loyal' grew by 58 (+56,9\u00a0%) to 160. Rule: 50 customers in 1 day.\n"
        "Compared: 102 on 01.03.2026 21:36, 160 on 02.03.2026 12:00 (Europe/Moscow).\n"
        "Came: 50 from 'Not yet &lt;b&gt;', 12 new. Went: 4 gone. Scans: 01.03.2026 and 02.03.2026.\n"
        "amoCRM shows no change of this stage, of the rules of others, of fields or of the account around that time, "
        "and no stage that came or went."
    )
    assert (alert["place"], alert["place_id"], alert["name"], alert["segment_id"]) == ("stage", VIP, "Loyal", None)
    assert alert["flows"]["came"][0] == {"from_id": NEW, "from": "Not\nyet &lt;b&gt;", "customers_count": 50}
    [row] = query_view(engine, "place, place_id, place_name, segment_id, segment_name, observed_at, flows -> 'went'")
    assert row == ("stage", VIP, "Loyal", None, None, day(1), [{"to": None, "to_id": None, "customers_count": 4}])


def test_flows_of_a_stage_begin_with_the_scan_compared_with(engine: Engine) -> None:
    """Also if a later scan found the same size."""
    publish_stage_sizes(engine, day(0), {VIP: 100, NEW: 90})
    publish_stage_sizes(engine, day(1), {VIP: 100, NEW: 85}, [(NEW, VIP, 5), (VIP, 0, 5)])
    publish_stage_sizes(engine, day(2), {VIP: 150, NEW: 35}, [(NEW, VIP, 50)])
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, SizeRule(customers=50, days=2, directions=("up",)), is_stage=True)
    [alert] = received_alerts(hook)
    assert "\nCame: 55 from 'S2'. Went: 5 gone. Scans: 01.03.2026 and 03.03.2026.\n" in alert["message"]


def test_an_alert_of_a_segment_says_what_scans_do_not_explain(engine: Engine) -> None:
    publish_sizes(engine, day(0), {VIP: 100, NEW: 10})
    insert_scan(engine, day(0.1), {VIP: 100, NEW: 10})
    insert_scan(engine, day(0.9), {VIP: 71, NEW: 30}, [(VIP, NEW, 20), (VIP, 0, 9)])
    publish_sizes(engine, day(1), {VIP: 70, NEW: 30})
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, SizeRule(customers=30))
    [alert] = received_alerts(hook)
    assert (
        "\nNobody came. Went: 20 to 'S2', 9 to none or several segments. Not explained: −1 (3,3\u00a0%). "
        "Scans: 01.03.2026 and 02.03.2026.\n"
    ) in alert["message"]
    assert (alert["flows"]["unexplained_count"], alert["flows"]["unexplained_percent"]) == (-1, 3.3)


def test_alerts_of_segments_and_stages_outlast_the_other_mode(engine: Engine) -> None:
    rule = SizeRule(percent=Decimal(10), days=3)
    publish_sizes(engine, day(0), {VIP: 100})
    publish_sizes(engine, day(3), {VIP: 50})
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, rule)
        publish_stage_sizes(engine, day(3.1), {VIP: 100})
        publish_stage_sizes(engine, day(6.1), {VIP: 50})
        assert send_alerts(engine, hook.url, rule, is_stage=True).started_count == 1
        assert send_alerts(engine, hook.url, rule) == SendResult(), "a load evaluates no stages"
        publish_sizes(engine, day(6.2), {VIP: 50})
        assert send_alerts(engine, hook.url, rule, is_stage=True) == SendResult(), (
            "in segments mode stages have no names"
        )
        assert query_view(engine, "place, ended_at") == [("segment", None), ("stage", None)]
    assert [alert["place"] for alert in received_alerts(hook)] == ["segment", "stage"]


def test_a_deleted_stage_ends_its_alert_and_a_new_one_is_not_evaluated(engine: Engine) -> None:
    publish_stage_sizes(engine, day(0), {VIP: 100})
    publish_stage_sizes(engine, day(1), {VIP: 50, NEW: 90})
    with Hook(200).running() as hook:
        send_alerts(engine, hook.url, SizeRule(customers=50), is_stage=True)
        publish_stage_sizes(engine, day(1.1), {NEW: 90}, gone=[VIP])
        send_alerts(engine, hook.url, SizeRule(customers=50), is_stage=True)
    assert query_view(engine, "place_id, ended_at") == [(VIP, day(1.1))]


def preview(postgres_url: str, rules: str) -> str:
    """Output of './run alerts'."""
    shown = CliRunner().invoke(cli, ["alerts", rules], env={"DATABASE_URL": postgres_url, "AMOCRM_LANGUAGE": "en"})
    assert (shown.exit_code, shown.stderr) == (0, "")
    return shown.stdout


def test_the_preview_of_stages_needs_a_scan(engine: Engine, postgres_url: str) -> None:
    publish_history(engine, until=sample_history.NOON)
    assert "do not apply to the account 'main' before its customers are scanned" in preview(postgres_url, "up 1")
    publish_stage_sizes(engine, day(500), {VIP: 10}, gone=[21, 22])
    assert preview(postgres_url, "up 1") == "No alert on sizes would be sent.\n"
    publish_stage_sizes(engine, day(501), {VIP: 11}, [(0, VIP, 1)])
    assert preview(postgres_url, "up 1").startswith("Stage 'S1' grew by 1 (+10\u00a0%) to 11. Rule: up 1 customers in ")
    publish(engine, snapshot(day(502), "disabled", account=account("disabled")), origin())
    assert preview(postgres_url, "up 1").endswith("in amoCRM its customers are disabled.\n")
