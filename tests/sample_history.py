"""A fixed history, for tests of views and reports.

One account over the night in which summer time begins, with a renamed field and option, a deleted segment, two days
without a load, and a mode that is switched off and on again. The tests state the expected views.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pipelines.amocrm.models import Anomaly, FieldValue, Rule, Snapshot
from pipelines.warehouse.publish import publish
from tests.records import account, field, option, origin, segment, snapshot, stage, text_value

BERLIN: Final = ZoneInfo("Europe/Berlin")
VIP, NEW, COLD, FRESH = 1, 2, 3, 4
REGION, DISCOUNT, NOTE = 7, 8, 9
NORTH, SOUTH = 70, 71


def berlin(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Instant of 2026 in the account's timezone."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


FRIDAY = berlin(3, 27, 12)
SATURDAY_NIGHT = berlin(3, 28, 23, 30)
MIDNIGHT = berlin(3, 29, 0, 30)  # the night in which 2 o'clock is 3 o'clock
AFTER_THE_HOUR = berlin(3, 29, 3, 30)
SUNDAY_NIGHT = berlin(3, 29, 23, 30)
WEDNESDAY = berlin(4, 1, 0, 10)  # neither Monday nor Tuesday had a load
NOON = berlin(4, 1, 12)  # the mode is recurring purchases now
THURSDAY = berlin(4, 2, 12)
GOOD_FRIDAY = berlin(4, 3, 12)  # and segments again

ACCOUNT = account(timezone="Europe/Berlin")
STAGES_MODE = account("periodicity", timezone="Europe/Berlin")


def region_value(option_id: int) -> FieldValue:
    return FieldValue(field_id=REGION, field_type="select", position=0, option_id=option_id)


def discount_value(number: int) -> FieldValue:
    return FieldValue(field_id=DISCOUNT, field_type="numeric", position=0, number=Decimal(number))


def days_after_rule(days: int) -> Rule:
    body = {"type": "after_today", "match": {"value": days}}
    return Rule(group=1, position=0, type="after_today", match=days, body=body)


FIELDS_BEFORE = (
    field(REGION, option(NORTH, value="North"), option(SOUTH, value="South"), name="Region"),
    field(DISCOUNT, name="Discount", type="numeric"),
    field(NOTE, name="Region"),
)
FIELDS_RENAMED = (
    field(REGION, option(NORTH, value="Nord"), option(SOUTH, value="South"), name="Region"),
    field(DISCOUNT, name="Discount, %", type="numeric"),
    field(NOTE, name="Region"),
)

VIP_AT_10 = (region_value(NORTH), discount_value(10), text_value(NOTE, "by the sea"))
VIP_AT_15 = (region_value(NORTH), discount_value(15), text_value(NOTE, "by the sea"))
MISSING_SIZE = Anomaly(kind="missing_value", thing="segment", thing_id=COLD, detail="customers_count is missing.")

HISTORY: Final[tuple[Snapshot, ...]] = (
    snapshot(
        FRIDAY,
        account=ACCOUNT,
        fields=FIELDS_BEFORE,
        segments=(
            segment(VIP, 100, name="VIP", field_values=VIP_AT_10, price_field_ids=(11, 12)),
            segment(NEW, 50, name="New", field_values=(region_value(SOUTH),)),
            segment(COLD, None, name="Cold"),
        ),
        anomalies=(MISSING_SIZE,),
    ),
    snapshot(
        SATURDAY_NIGHT,
        account=ACCOUNT,
        fields=FIELDS_BEFORE,
        segments=(
            segment(VIP, 104, name="VIP", field_values=VIP_AT_10, price_field_ids=(11, 12)),
            segment(NEW, 50, name="New", field_values=(region_value(SOUTH),)),
            segment(COLD, None, name="Cold"),
        ),
        anomalies=(MISSING_SIZE,),
    ),
    snapshot(
        MIDNIGHT,
        account=ACCOUNT,
        fields=FIELDS_BEFORE,
        segments=(
            segment(VIP, 110, name="VIP", field_values=VIP_AT_10, price_field_ids=(11, 12)),
            segment(NEW, 50, name="New", field_values=(region_value(SOUTH),)),
            segment(COLD, 7, name="Cold"),
        ),
    ),
    snapshot(
        AFTER_THE_HOUR,
        account=ACCOUNT,
        fields=FIELDS_RENAMED,
        segments=(
            segment(VIP, 108, name="VIP", field_values=VIP_AT_10, price_field_ids=(11, 12)),
            segment(NEW, 50, name="New", field_values=(region_value(SOUTH),)),
            segment(COLD, 7, name="Cold"),
        ),
    ),
    snapshot(
        SUNDAY_NIGHT,
        account=ACCOUNT,
        fields=FIELDS_RENAMED,
        segments=(
            segment(VIP, 109, name="VIP", field_values=VIP_AT_15, price_field_ids=(11, 12)),
            segment(NEW, 40, name="New", field_values=(region_value(SOUTH),)),
            segment(COLD, 7, name="Cold"),
        ),
    ),
    snapshot(
        WEDNESDAY,
        account=ACCOUNT,
        fields=FIELDS_RENAMED,
        segments=(
            segment(VIP, 120, name="VIP club", field_values=VIP_AT_15, price_field_ids=(11, 12)),
            segment(COLD, 7, name="Cold"),
            segment(FRESH, 5, name="Fresh"),
        ),
        gone_segment_ids=frozenset({NEW}),
    ),
    snapshot(
        NOON,
        account=STAGES_MODE,
        stages=(stage(21, (days_after_rule(60),), name="Closed"), stage(22, name="Bought")),
    ),
    snapshot(
        THURSDAY,
        account=STAGES_MODE,
        stages=(stage(21, (days_after_rule(90),), name="Closed"), stage(22, name="Bought")),
    ),
    snapshot(
        GOOD_FRIDAY,
        account=account(timezone="Europe/London"),
        fields=FIELDS_RENAMED,
        segments=(
            segment(VIP, 130, name="VIP club", field_values=VIP_AT_15, price_field_ids=(11, 12)),
            segment(COLD, 7, name="Cold"),
            segment(FRESH, 6, name="Fresh"),
        ),
    ),
)


def publish_history(engine: Engine, until: datetime = GOOD_FRIDAY) -> None:
    """Publish the snapshots up to this instant."""
    for each in HISTORY:
        if each.observed_at <= until:
            publish(engine, each, origin())
