"""Answers made by hand, and the snapshots that are read from them."""

from __future__ import annotations

from pipelines.amocrm.read import read_snapshot
from pipelines.amocrm.records import Field, Json, Oddity, Segment, Snapshot, Stage
from tests.unit.amocrm.made import OBSERVED_AT, raw_answers

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


def page(name: str, *rows: Json) -> Json:
    return {"_embedded": {name: list(rows)}}


def read(*segments: Json, fields: list[Json] | None = None, **account: Json) -> Snapshot:
    bodies = {
        "account": ACCOUNT | account,
        "segments": page("segments", *segments),
        "fields": page("custom_fields", *(fields or [])),
    }
    return read_snapshot(raw_answers(**bodies), OBSERVED_AT)


def read_stages(*stages: Json) -> Snapshot:
    account = ACCOUNT | {"customers_mode": "periodicity"}
    return read_snapshot(raw_answers(account=account, stages=page("statuses", *stages)), OBSERVED_AT)


def segment(**changes: Json) -> tuple[Segment, tuple[Oddity, ...]]:
    snapshot = read(SEGMENT | changes)
    (only,) = snapshot.segments
    return only, snapshot.oddities


def stage(**changes: Json) -> tuple[Stage, tuple[Oddity, ...]]:
    snapshot = read_stages(STAGE | changes)
    (only,) = snapshot.stages
    return only, snapshot.oddities


def field(**changes: Json) -> tuple[Field, tuple[Oddity, ...]]:
    snapshot = read(fields=[FIELD | changes])
    (only,) = snapshot.fields
    return only, snapshot.oddities


def kinds(oddities: tuple[Oddity, ...]) -> list[str]:
    return [oddity.kind for oddity in oddities]
