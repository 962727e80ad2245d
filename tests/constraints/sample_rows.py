"""One sample row for each table, and a new row for each that no constraint rejects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Row: TypeAlias = dict[str, Any]

T1, T2, T3, T4, NEVER = (f"2026-03-0{day} 12:00+00" for day in (1, 2, 3, 4, 9))
"""Instants: of three snapshots that exist, of one that may be added, and of one that never exists."""

HASH, OTHER_HASH = "\\x" + "01" * 32, "\\x" + "02" * 32
ID, OTHER_ID = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"

IN_SEGMENTS_MODE = {"customers_mode": "segments", "segment_count": 1, "field_count": 1, "option_count": 1}
IN_PERIODICITY_MODE = {"customers_mode": "periodicity", "stage_count": 1} | dict.fromkeys(list(IN_SEGMENTS_MODE)[1:])
COUNTS = ("opened_count", "closed_count", "size_change_count", "request_count", "byte_count", "duration_seconds")
_LOAD = {"load_id": ID, "timezone": "UTC", "code_version": "1", "published_at": T4} | dict.fromkeys(COUNTS, 0)
_PLACE = {"account_id": 1, "is_stage": True}
SCAN_COUNTS = (
    *("customers_count", "by_id_count", "gone_count", "kept_count", "forgotten_count", "request_count"),
    *("duration_seconds", "stage_change_count", "explained_count"),
)
PLACE_COUNTS = (
    *("last_count", "min_count", "max_count", "joined_count", "left_count"),
    *("ltv_sum", "purchases_sum", "average_check_sum"),
)
_ENDED = {"account_id": 1, "valid_from": T1, "valid_to": T3, "end_reason": "changed"}
_OPEN = {"valid_to": None, "end_reason": None}
_VERSION_KEY = {"account_id": 1, "valid_from": T1}

SAMPLE_ROWS: Final[Mapping[str, Row]] = {
    "account": {
        "account_id": 1,
        "account_key": "main",
        "host": "example.amocrm.ru",
        "timezone": "UTC",
        "customers_mode": "segments",
    },
    "snapshot": {"account_id": 1, "observed_at": T1, "observed_date": "2026-03-01"} | IN_SEGMENTS_MODE | _LOAD,
    "change_notice": {"account_id": 1, "observed_at": T1, "noticed_at": T2},
    "undelivered_alert": {"alert_id": ID, "receiver": "slack", "payload": "{}", "created_at": T1, "tried_at": T2},
    "failure_notice": {
        "account_key": "main",
        "is_scan": False,
        "error": "E",
        "failing_since": T1,
        "failed_at": T2,
        "notified_at": T2,
    },
    "load_failure": {"account_key": "main", "started_at": T1, "failed_at": T2, "error": "E", "message": "m"},
    "raw_body": {"account_id": 1, "body_hash": HASH, "body": "\\x00", "byte_count": 1},
    "raw_answer": {
        "account_id": 1,
        "observed_at": T1,
        "load_id": ID,
        "sequence": 0,
        "resource": "account",
        "is_accepted": True,
        "path": "/",
        "status": 200,
        "received_at": T1,
        "body_hash": HASH,
    },
    "stage_version": _ENDED | {"stage_id": 1, "rule_group_count": 1, "content_hash": HASH},
    "stage_rule": _VERSION_KEY | {"stage_id": 1, "group_position": 0, "rule_position": 0, "rule": {}},
    "field_version": _ENDED | {"field_id": 1, "content_hash": HASH},
    "option_version": _ENDED | {"field_id": 1, "option_id": 1, "content_hash": HASH},
    "segment_version": _ENDED | {"segment_id": 1},
    "segment_price_field": _VERSION_KEY | {"segment_id": 1, "price_field_id": 1},
    "segment_field_value": _VERSION_KEY | {"segment_id": 1, "field_id": 1, "position": 0},
    "segment_size": {"account_id": 1, "segment_id": 1, "observed_at": T1, "customers_count": 1},
    "segment_current": _VERSION_KEY | {"segment_id": 1, "customers_count": 1, "content_hash": HASH},
    "segment_size_daily": {
        "account_id": 1,
        "segment_id": 1,
        "observed_date": "2026-03-01",
        "last_count": 1,
        "min_count": 1,
        "max_count": 1,
    },
    "quality_event": _VERSION_KEY | {"valid_to": T2, "kind": "k", "thing": "segment", "thing_id": 1, "detail": "d"},
    "write_back": {
        "account_id": 1,
        "call_id": ID,
        "apply_id": ID,
        "position": 0,
        "intended_at": T1,
        "outcome": "uncertain",
        "who": "w",
        "source": "s",
        "method": "POST",
        "path": "/",
    },
    "write_back_thing": {"account_id": 1, "call_id": ID, "position": 0, "thing": "stage", "action": "add"},
    "size_alert": {
        "account_id": 1,
        "alert_id": ID,
        "is_stage": False,
        "place_id": 1,
        "rule": "r",
        "direction": "up",
        "days": 1,
        "previous_observed_at": T1,
        "previous_count": 1,
        "observed_at": T2,
        "customers_count": 2,
        "missed_days": 0,
        "around": [],
        "message": "m",
    },
    "scan": {
        "account_id": 1,
        "started_at": T1,
        "scan_date": "2026-03-01",
        "published_at": T2,
        "events_from": T1,
        "events_until": T1,
        "are_events_complete": True,
        "is_beginning": False,
    }
    | dict.fromkeys(SCAN_COUNTS, 0),
    "place_day": {"account_id": 1, "is_stage": True, "place_id": 1, "observed_date": "2026-03-01"}
    | dict.fromkeys(PLACE_COUNTS, 0),
    "place_flow_day": _PLACE
    | {"flow_date": "2026-03-01", "from_place_ids": [1], "to_place_ids": [2], "customers_counts": [1]},
    "segment_overlap": {"account_id": 1, "segment_id": 1, "other_segment_id": 2, "customers_count": 1},
    "stay_month": _PLACE
    | {
        "place_id": 1,
        "entered_month": "2026-03-01",
        "left_month": "2026-03-01",
        "customers_count": 1,
        "folded_count": 0,
    },
    "stay_duration": _PLACE | {"place_id": 1, "is_open": True, "stay_count": 1, "median_seconds": 1, "p90_seconds": 1},
    "stage_move": {
        "account_id": 1,
        "moved_date": "2026-03-01",
        "from_stage_id": 1,
        "to_stage_id": 2,
        "user_id": 0,
        "customers_count": 1,
        "is_backfilled": True,
    },
    "member_difference": {
        "account_id": 1,
        "started_at": T1,
        "segment_id": 1,
        "member_count": 1,
        "kept_count": 0,
        "reason": "changed",
    },
    "newest_answers": {"account_id": 1, "observed_at": T1, "reading_code": "c", "answers": []},
    "work_lock": {"work": "apply", "account_id": 1, "taken_at": T1},
    "role_name": {"name": "amocrm_reader_1", "purpose": "reader_of_account", "account_id": 1},
    "schema_migration": {"version": 900, "name": "n", "checksum": "c", "applied_at": T1},
    "schema_view": {"name": "v", "checksum": "c", "grants": []},
}
"""A row of each table, in an order that satisfies the foreign keys."""

EXTRA_ROWS: Final[tuple[tuple[str, Row], ...]] = (
    ("account", {"account_id": 2, "account_key": "second"}),
    ("snapshot", {"observed_at": T2}),
    ("snapshot", {"observed_at": T3}),
    ("snapshot", {"account_id": 2}),
    ("segment_version", {"segment_id": 2}),
    ("quality_event", {"valid_from": T3, "valid_to": None}),
    ("scan", {"started_at": T2}),
)
"""Additional rows, as differences from the sample row of the same table."""

NEW_ROWS: Final[Mapping[str, Row]] = {
    "account": {"account_id": 3, "account_key": "third"},
    "snapshot": {"observed_at": T4},
    "change_notice": {"account_id": 2},
    "undelivered_alert": {"alert_id": OTHER_ID},
    "failure_notice": {"account_key": "other"},
    "load_failure": {"started_at": T2},
    "raw_body": {"body_hash": OTHER_HASH},
    "raw_answer": {"sequence": 1},
    "stage_version": {"stage_id": 2} | _OPEN,
    "stage_rule": {"rule_position": 1},
    "field_version": {"field_id": 2} | _OPEN,
    "option_version": {"option_id": 2} | _OPEN,
    "segment_version": {"segment_id": 3} | _OPEN,
    "segment_price_field": {"price_field_id": 2},
    "segment_field_value": {"position": 1},
    "segment_size": {"observed_at": T2},
    "segment_current": {"segment_id": 2},
    "segment_size_daily": {"observed_date": "2026-03-02"},
    "quality_event": {"detail": "other"},
    "write_back": {"call_id": OTHER_ID, "position": 1},
    "write_back_thing": {"position": 1},
    "size_alert": {"alert_id": OTHER_ID, "place_id": 2},
    "scan": {"started_at": T3},
    "place_day": {"place_id": 2},
    "place_flow_day": {"flow_date": "2026-03-02"},
    "segment_overlap": {"other_segment_id": 3},
    "stay_month": {"place_id": 2},
    "stay_duration": {"place_id": 2},
    "stage_move": {"user_id": 1},
    "member_difference": {"segment_id": 2},
    "newest_answers": {"account_id": 2},
    "work_lock": {"account_id": 2},
    "role_name": {"name": "amocrm_reader_2", "account_id": 2},
    "schema_migration": {"version": 901},
    "schema_view": {"name": "other"},
}
"""A valid new row of each table, as differences from its sample row."""
