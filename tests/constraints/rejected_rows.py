"""A row for every constraint of the warehouse that this constraint rejects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.constraints.sample_rows import (
    COUNTS,
    HASH,
    ID,
    IN_PERIODICITY_MODE,
    NEVER,
    OTHER_HASH,
    OTHER_ID,
    PLACE_COUNTS,
    SCAN_COUNTS,
    T1,
    T2,
    Row,
)

_UNKNOWN_ACCOUNT = {"account_id": 9}
CUSTOMER_TABLES = (
    *("scan", "place_day", "place_flow_day", "segment_overlap", "stay_month", "stay_duration", "stage_move"),
    "member_difference",
)


def _version_rows(table: str, *keys: str) -> Iterator[tuple[str, Row]]:
    """Rows that every version table rejects; ``keys`` are the id columns of its entity."""
    existing = dict.fromkeys(keys, 1)
    yield f"{table}_pkey", existing
    yield f"{table}_account_id_fkey", _UNKNOWN_ACCOUNT
    yield f"{table}_account_id_valid_from_fkey", {"valid_from": NEVER}
    yield f"{table}_account_id_valid_to_fkey", {"valid_to": NEVER, "end_reason": "changed"}
    yield f"{table}_check", {"valid_to": T1, "end_reason": "changed"}
    yield f"{table}_check1", {"valid_to": T2}
    yield f"{table}_end_reason_check", {"valid_to": T2, "end_reason": "lost"}
    yield f"{table}_overlap", existing | {"valid_from": T2}
    for key in keys:
        yield f"{table}_{key}_check", {key: 0}


def _negative_counts(table: str, *columns: str) -> Iterator[tuple[str, Row]]:
    for column in columns:
        yield f"{table}_{column}_check", {column: -1}


REJECTED: Final[Mapping[str, Row]] = {
    "account_pkey": {"account_id": 1},
    "account_account_id_check": {"account_id": 0},
    "account_account_key_key": {"account_key": "main"},
    "account_customers_mode_check": {"customers_mode": "other"},
    "snapshot_pkey": {"observed_at": T1},
    "snapshot_account_id_fkey": _UNKNOWN_ACCOUNT,
    "snapshot_customers_mode_check": IN_PERIODICITY_MODE | {"customers_mode": "other", "stage_count": None},
    "snapshot_check": {"stage_count": 1},
    "snapshot_check1": {"segment_count": None},
    "snapshot_check2": {"field_count": None},
    "snapshot_check3": {"option_count": None},
    "snapshot_stage_count_check": IN_PERIODICITY_MODE | {"stage_count": -1},
    **dict(_negative_counts("snapshot", "segment_count", "field_count", "option_count", *COUNTS)),
    "change_notice_pkey": {"account_id": 1},
    "change_notice_account_id_observed_at_fkey": {"observed_at": NEVER},
    "undelivered_alert_pkey": {"alert_id": ID},
    "failure_notice_pkey": {"account_key": "main"},
    "failure_notice_check": {"failed_at": "2026-01-01 00:00+00"},
    "load_failure_pkey": {"started_at": T1},
    "raw_body_pkey": {"body_hash": HASH},
    "raw_body_body_hash_check": {"body_hash": "\\x00"},
    **dict(_negative_counts("raw_body", "byte_count")),
    "raw_answer_pkey": {"sequence": 0},
    "raw_answer_account_id_body_hash_fkey": {"body_hash": OTHER_HASH},
    "raw_answer_resource_check": {"resource": "customers"},
    **dict(_negative_counts("raw_answer", "sequence")),
    **dict(_version_rows("stage_version", "stage_id")),
    "stage_version_content_hash_check": {"content_hash": "\\x00"},
    **dict(_negative_counts("stage_version", "rule_group_count")),
    "stage_rule_pkey": {"rule_position": 0},
    "stage_rule_account_id_stage_id_valid_from_fkey": {"stage_id": 9},
    **dict(_negative_counts("stage_rule", "group_position", "rule_position")),
    **dict(_version_rows("field_version", "field_id")),
    "field_version_content_hash_check": {"content_hash": "\\x00"},
    **dict(_version_rows("option_version", "field_id", "option_id")),
    "option_version_content_hash_check": {"content_hash": "\\x00"},
    **dict(_version_rows("segment_version", "segment_id")),
    "segment_price_field_pkey": {"price_field_id": 1},
    "segment_price_field_account_id_segment_id_valid_from_fkey": {"segment_id": 9},
    "segment_field_value_pkey": {"position": 0},
    "segment_field_value_account_id_segment_id_valid_from_fkey": {"segment_id": 9},
    **dict(_negative_counts("segment_field_value", "position")),
    "segment_size_pkey": {"observed_at": T1},
    "segment_size_account_id_observed_at_fkey": {"observed_at": NEVER},
    **dict(_negative_counts("segment_size", "customers_count")),
    "segment_current_pkey": {"segment_id": 1},
    "segment_current_account_id_segment_id_valid_from_fkey": {"valid_from": T2},
    "segment_current_content_hash_check": {"content_hash": "\\x00"},
    **dict(_negative_counts("segment_current", "customers_count")),
    "segment_size_daily_pkey": {"observed_date": "2026-03-01"},
    "segment_size_daily_account_id_fkey": _UNKNOWN_ACCOUNT,
    "segment_size_daily_check": {"max_count": 0},
    **dict(_negative_counts("segment_size_daily", "last_count", "min_count")),
    "quality_event_pkey": {"detail": "d"},
    "quality_event_account_id_fkey": _UNKNOWN_ACCOUNT,
    "quality_event_account_id_valid_from_fkey": {"valid_from": NEVER, "valid_to": None},
    "quality_event_account_id_valid_to_fkey": {"valid_to": NEVER},
    "quality_event_check": {"valid_to": T1},
    "quality_event_detail_check": {"detail": "d" * 301},
    "quality_event_open": {"detail": "d", "valid_from": T2, "valid_to": None},
    "write_back_pkey": {"call_id": ID},
    "write_back_account_id_fkey": _UNKNOWN_ACCOUNT,
    "write_back_account_id_restored_from_fkey": {"restored_from": NEVER},
    "write_back_account_id_apply_id_position_key": {"position": 0},
    "write_back_method_check": {"method": "GET"},
    "write_back_outcome_check": {"outcome": "lost", "ended_at": T2},
    "write_back_check": {"outcome": "done"},
    **dict(_negative_counts("write_back", "position")),
    "write_back_thing_pkey": {"position": 0},
    "write_back_thing_account_id_call_id_fkey": {"call_id": OTHER_ID},
    "write_back_thing_thing_check": {"thing": "customer"},
    "write_back_thing_action_check": {"action": "merge", "thing_id": 1},
    "write_back_thing_check": {"action": "change"},
    "write_back_thing_check1": {"action": "change", "thing_id": 1, "replaces_id": 1},
    "write_back_thing_thing_id_check": {"thing_id": 0},
    "write_back_thing_replaces_id_check": {"replaces_id": 0},
    **dict(_negative_counts("write_back_thing", "position")),
    "size_alert_pkey": {"alert_id": ID},
    "size_alert_previous_snapshot": {"previous_observed_at": "2026-01-01 12:00+00"},
    "size_alert_snapshot": {"observed_at": NEVER},
    "size_alert_ending_snapshot": {"ended_at": NEVER},
    "size_alert_previous_scan": {"is_stage": True, "previous_observed_at": "2026-01-01 12:00+00"},
    "size_alert_scan": {"is_stage": True, "observed_at": NEVER},
    "size_alert_ending_scan": {"is_stage": True, "ended_at": NEVER},
    "size_alert_check": {"previous_observed_at": T2},
    "size_alert_check1": {"direction": "down"},
    "size_alert_place_id_check": {"place_id": 0},
    "size_alert_days_check": {"days": 0},
    "size_alert_customers_count_check": {"direction": "down", "customers_count": -1},
    "size_alert_lasting": {"place_id": 1},
    **dict(_negative_counts("size_alert", "previous_count", "missed_days")),
    "scan_pkey": {"started_at": T1},
    "place_day_pkey": {"place_id": 1},
    "place_flow_day_pkey": {"flow_date": "2026-03-01"},
    "segment_overlap_pkey": {"other_segment_id": 2},
    "stay_month_pkey": {"place_id": 1},
    "stay_duration_pkey": {"place_id": 1},
    "stage_move_pkey": {"user_id": 0},
    "member_difference_pkey": {"segment_id": 1},
    **{f"{table}_account_id_fkey": _UNKNOWN_ACCOUNT for table in CUSTOMER_TABLES},
    "newest_answers_pkey": {"account_id": 1},
    "newest_answers_account_id_fkey": _UNKNOWN_ACCOUNT,
    "newest_answers_account_id_observed_at_fkey": {"observed_at": NEVER},
    "work_lock_pkey": {"account_id": 1},
    "role_name_pkey": {"name": "amocrm_reader_1"},
    "role_name_purpose_check": {"purpose": "writer", "account_id": None},
    "role_name_account_id_check": {"account_id": 0},
    "role_name_check": {"account_id": None},
    "role_name_purpose": {"purpose": "reader", "account_id": None},
    "schema_migration_pkey": {"version": 900},
    "schema_migration_version_check": {"version": 0},
    "schema_view_pkey": {"name": "v"},
}
"""By constraint name, the differences from the table's new row that make the constraint reject it."""

NOT_NULL: Final[Mapping[str, str]] = {
    "account": "account_key customers_mode host timezone",
    "snapshot": "byte_count closed_count code_version customers_mode duration_seconds load_id observed_date "
    "opened_count published_at request_count size_change_count timezone",
    "change_notice": "noticed_at observed_at",
    "undelivered_alert": "created_at payload receiver tried_at",
    "failure_notice": "error failed_at failing_since notified_at",
    "load_failure": "error failed_at message",
    "raw_body": "body byte_count",
    "raw_answer": "body_hash is_accepted path received_at resource status",
    "stage_version": "content_hash rule_group_count",
    "stage_rule": "rule",
    "field_version": "content_hash",
    "option_version": "content_hash",
    "segment_current": "content_hash valid_from",
    "write_back": "apply_id intended_at method outcome path position source who",
    "write_back_thing": "action thing",
    "size_alert": "around customers_count days direction is_stage message missed_days observed_at place_id "
    "previous_count previous_observed_at rule",
    "scan": f"are_events_complete events_from events_until is_beginning published_at scan_date {' '.join(SCAN_COUNTS)}",
    "place_day": " ".join(PLACE_COUNTS),
    "place_flow_day": "customers_counts from_place_ids to_place_ids",
    "segment_overlap": "customers_count",
    "stay_month": "customers_count folded_count",
    "stay_duration": "median_seconds p90_seconds stay_count",
    "stage_move": "customers_count",
    "member_difference": "kept_count member_count reason",
    "newest_answers": "answers observed_at reading_code",
    "work_lock": "taken_at",
    "role_name": "purpose",
    "schema_migration": "applied_at checksum name",
    "schema_view": "checksum grants",
}
"""Columns that are never null, without the primary keys."""

CLOSED_IS_CLOSED: Final = ("stage_version", "field_version", "option_version", "segment_version", "quality_event")
"""Tables whose closed rows reject updates."""

IMPLIED: Final[Mapping[str, str]] = {
    "size_alert_direction_check": "size_alert_check1",
    "stage_version_open": "stage_version_overlap",
    "field_version_open": "field_version_overlap",
    "option_version_open": "option_version_overlap",
    "segment_version_open": "segment_version_overlap",
}
"""Constraints that reject nothing that another one (the value) does not reject: a list of words, and indexes
that serve reads."""
