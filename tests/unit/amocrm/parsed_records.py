"""Responses made by hand, and the snapshots parsed from them."""

from __future__ import annotations

from pipelines.amocrm.models import Anomaly, Field, Json, Segment, Snapshot, Stage
from pipelines.amocrm.snapshot import parse_snapshot
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_responses

ACCOUNT: dict[str, Json] = {
    "id": 1,
    "name": "Example",
    "subdomain": "example",
    "country": "RU",
    "currency": "RUB",
    "customers_mode": "segments",
    "_embedded": {"datetime_settings": {"timezone": "Europe/Moscow"}},
}
SEGMENT: dict[str, Json] = {
    "id": 51,
    "created_at": 1589615328,
    "updated_at": 1591089010,
    "account_id": 1,
    "name": "VIP",
    "color": "6610f2",
    "available_products_price_types": None,
    "customers_count": 5,
    "custom_fields_values": None,
}
FIELD: dict[str, Json] = {"id": 7, "name": "Size", "code": None, "type": "text", "sort": 1, "enums": None}
STAGE: dict[str, Json] = {
    "id": 9,
    "name": "New",
    "sort": 1,
    "is_default": False,
    "conditions": [],
    "color": "#fff000",
    "type": 0,
    "account_id": 1,
}


def list_document(name: str, *rows: Json) -> Json:
    return {"_embedded": {name: list(rows)}}


def parse_segments_snapshot(*segments: Json, fields: list[Json] | None = None, **account: Json) -> Snapshot:
    bodies = {
        "account": ACCOUNT | account,
        "segments": list_document("segments", *segments),
        "fields": list_document("custom_fields", *(fields or [])),
    }
    return parse_snapshot(raw_responses(**bodies), OBSERVED_AT)


def parse_stages_snapshot(*stages: Json) -> Snapshot:
    account = ACCOUNT | {"customers_mode": "periodicity"}
    return parse_snapshot(raw_responses(account=account, stages=list_document("statuses", *stages)), OBSERVED_AT)


def parse_segment(**changes: Json) -> tuple[Segment, tuple[Anomaly, ...]]:
    snapshot = parse_segments_snapshot(SEGMENT | changes)
    (only,) = snapshot.segments
    return only, snapshot.anomalies


def parse_stage(**changes: Json) -> tuple[Stage, tuple[Anomaly, ...]]:
    snapshot = parse_stages_snapshot(STAGE | changes)
    (only,) = snapshot.stages
    return only, snapshot.anomalies


def parse_field(**changes: Json) -> tuple[Field, tuple[Anomaly, ...]]:
    snapshot = parse_segments_snapshot(fields=[FIELD | changes])
    (only,) = snapshot.fields
    return only, snapshot.anomalies


def anomaly_kinds(anomalies: tuple[Anomaly, ...]) -> list[str]:
    return [anomaly.kind for anomaly in anomalies]
