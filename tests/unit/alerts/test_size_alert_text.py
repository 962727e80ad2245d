"""Changes around a size alert, and who came and went."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pipelines.alerts.place_flows import ScannedFlows
from pipelines.alerts.size_alert_text import describe_context, describe_scanned_flows
from pipelines.alerts.size_rules import NewAlert
from pipelines.report.formats import Formats
from pipelines.report.place_flows import PlaceCount
from pipelines.warehouse.changes import Change
from tests.records import START

ALERT = NewAlert(
    is_stage=False,
    place_id=1,
    place_name="VIP",
    rule="10%",
    direction="up",
    days=1,
    previous_observed_at=START - timedelta(days=1),
    previous_count=100,
    observed_at=START,
    customers_count=200,
    missed_days=0,
)


FLOWS = ScannedFlows(
    place="stage",
    first_date=date(2026, 2, 28),
    last_date=date(2026, 3, 1),
    came=[
        PlaceCount(5, "Did not\npurchase", 1_120),
        PlaceCount(6, None, 20),
        *(PlaceCount(number, f"S{number}", number) for number in range(15, 10, -1)),
        PlaceCount(None, None, 14),
    ],
    went=[PlaceCount(6, None, 30), PlaceCount(None, None, 2)],
    change_count=1_200,
)


def change(kind: str, thing: str = "segment", thing_id: int = 2) -> Change:
    return Change(
        observed_at=START,
        previous_observed_at=START - timedelta(hours=1),
        thing=thing,
        thing_id=thing_id,
        thing_name=f"S{thing_id}",
        change="changed" if kind == "rules" else kind,
        property={"changed": "color", "rules": "conditions"}.get(kind),
        value_field_name=None,
        old_text="1",
        new_text="2",
    )


def test_other_segments_count_if_they_came_or_went() -> None:
    changes = [
        change("changed", thing_id=1),
        *(change(kind) for kind in ("added", "returned", "deleted", "changed", "mode_on", "mode_off")),
    ]
    context = describe_context(ALERT, changes, [], Formats.for_account("GB", "Europe/Moscow"))
    assert [event.text for event in context] == [
        "Color of segment 'S1' changed from 1 to 2.",
        "Segment 'S2' added.",
        "Segment 'S2' came back.",
        "Segment 'S2' deleted.",
    ]


def test_other_stages_count_if_they_came_or_went_or_their_rules_changed() -> None:
    alert = replace(ALERT, is_stage=True)
    kinds = ("rules", "changed", "added", "mode_on")
    changes = [change("changed", "stage", 1), *(change(kind, "stage") for kind in kinds)]
    context = describe_context(alert, changes, [], Formats.for_account("GB", "Europe/Moscow"))
    assert [event.text for event in context] == [
        "Color of stage 'S1' changed from 1 to 2.",
        "Rules of stage 'S2' changed: 1 → 2.",
        "Stage 'S2' added.",
    ]


def test_flows_name_the_five_largest_and_what_they_leave_unexplained() -> None:
    assert describe_scanned_flows(FLOWS, Formats.for_account("US", "UTC")) == (
        "Came: 1,120 from 'Did not purchase', 20 from '6', 15 from 'S15', 14 from 'S14', 13 from 'S13', "
        "23 from 2 others, 14 new. Went: 30 to '6', 2 gone. Not explained: +13 (1.1\u00a0%). "
        "Scans: 2/28/2026 and 3/1/2026."
    )
    russian = describe_scanned_flows(FLOWS, Formats.for_account("RU", "UTC", "ru"))
    assert russian.startswith("Пришли: 1\u00a0120 из «Did not purchase», 20 из «6», ")
    assert russian.endswith(", 2 исчезли. Не объяснено: +13 (1,1\u00a0%). Сканирования: 28.02.2026 и 01.03.2026.")


def test_flows_that_lead_the_other_way_leave_at_most_all_unexplained() -> None:
    """As ``segment_jumps`` and the report have it."""
    flows = replace(FLOWS, change_count=-1_000)
    assert (flows.unexplained_count, flows.document()["unexplained_percent"]) == (-2_187, 100.0)
    assert "Not explained: −2,187 (100\u00a0%)." in describe_scanned_flows(flows, Formats.for_account("US", "UTC"))


def test_flows_of_a_segment_without_another_may_be_of_several() -> None:
    flows = replace(FLOWS, place="segment", came=FLOWS.came[-1:], went=[], change_count=14)
    assert describe_scanned_flows(flows, Formats.for_account("US", "UTC")) == (
        "Came: 14 from none or several segments. Nobody went. Scans: 2/28/2026 and 3/1/2026."
    )
    assert flows.document() == {
        "scans": ["2026-02-28", "2026-03-01"],
        "came": [{"from_id": None, "from": None, "customers_count": 14}],
        "went": [],
        "unexplained_count": 0,
        "unexplained_percent": 0.0,
    }
