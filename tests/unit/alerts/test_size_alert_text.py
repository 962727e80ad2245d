"""Changes around a size alert."""

from __future__ import annotations

from datetime import timedelta

from pipelines.alerts.size_alert_text import describe_context
from pipelines.alerts.size_rules import NewAlert
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change
from tests.records import START

ALERT = NewAlert(
    segment_id=1,
    segment_name="VIP",
    rule="10%",
    direction="up",
    days=1,
    previous_observed_at=START - timedelta(days=1),
    previous_count=100,
    observed_at=START,
    customers_count=200,
    missed_days=0,
)


def change(kind: str, thing: str = "segment", thing_id: int = 2) -> Change:
    return Change(
        observed_at=START,
        previous_observed_at=START - timedelta(hours=1),
        thing=thing,
        thing_id=thing_id,
        thing_name=f"S{thing_id}",
        change=kind,
        property="color" if kind == "changed" else None,
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
