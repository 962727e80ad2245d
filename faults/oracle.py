"""Expected contents of the warehouse, computed from the emulator without code of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import simplejson
from sqlalchemy import Connection, text

from emulator.world import World

PAGE_KEYS = {
    "id",
    "created_at",
    "updated_at",
    "account_id",
    "name",
    "color",
    "available_products_price_types",
    "customers_count",
    "custom_fields_values",
}

Row = tuple[Any, ...]


def segment_row(item: Mapping[str, Any], timezone: str) -> Row:
    """A row of ``analytics.segment_snapshots``, without account and instant, for an item that the API showed."""
    return (
        item["id"],
        item["name"],
        item["color"],
        datetime.fromtimestamp(item["created_at"], UTC),
        item["customers_count"],
        sorted(item["available_products_price_types"] or []),
        {
            str(field["field_id"]): field_value(field["field_type"], field["values"], timezone)
            for field in item["custom_fields_values"] or []
        },
        {key: value for key, value in item.items() if key not in PAGE_KEYS} or None,
    )


def field_value(field_type: str, values: Iterable[Mapping[str, Any]], timezone: str) -> list[Any]:
    """The values of one field as the view shows them: options by id in ascending order, times as text."""
    if field_type in ("select", "multiselect", "radiobutton"):
        return sorted(value["enum_id"] for value in values)
    return [one_value(field_type, value["value"], timezone) for value in values]


def one_value(field_type: str, value: Any, timezone: str) -> Any:
    """A value as the view shows it."""
    match field_type:
        case "numeric":
            return Decimal(value)
        case "date":
            return datetime.fromtimestamp(value, ZoneInfo(timezone)).date().isoformat()
        case "date_time":
            return datetime.fromtimestamp(value, UTC).isoformat()
        case _:
            return value


def stored_snapshots(connection: Connection, account_id: int) -> dict[datetime, list[Row]]:
    """``analytics.segment_snapshots`` of an account, by instant; snapshots that saw no segment are there and empty."""
    observed = connection.scalars(
        text("select observed_at from amocrm.snapshot where account_id = :account_id order by observed_at"),
        {"account_id": account_id},
    )
    rows: dict[datetime, list[Row]] = {instant: [] for instant in observed}
    for row in connection.execute(
        text("""
            select observed_at, segment_id, name, color, created_at, customers_count, price_field_ids,
                field_values::text, extra::text
            from analytics.segment_snapshots where account_id = :account_id order by observed_at, segment_id
        """),
        {"account_id": account_id},
    ):
        rows[row.observed_at].append((*row[1:7], exact_json(row[7]), exact_json(row[8])))
    return rows


def stored_stages(connection: Connection, account_id: int) -> list[Row]:
    """``analytics.stages`` of an account, by id."""
    return [
        (*row[:6], exact_json(row[6]))
        for row in connection.execute(
            text("""
                select stage_id, name, sort, is_default, color, type, conditions::text
                from analytics.stages where account_id = :account_id order by stage_id
            """),
            {"account_id": account_id},
        )
    ]


def stage_row(item: Mapping[str, Any]) -> Row:
    """A row of ``stored_stages`` for an item that the API showed."""
    return tuple(item[key] for key in ("id", "name", "sort", "is_default", "color", "type", "conditions"))


def stored_fields(connection: Connection, account_id: int) -> dict[int, Row]:
    """Open definitions of fields with their open options' labels, by id."""
    return {
        row.field_id: (row.name, row.code, row.type, row.sort, dict(row.options))
        for row in connection.execute(
            text("""
                select field.field_id, field.name, field.code, field.type, field.sort,
                    array(
                        select jsonb_build_array(option.option_id, option.value)
                        from amocrm.option_version as option
                        where option.account_id = field.account_id
                            and option.field_id = field.field_id and option.valid_to is null
                    ) as options
                from amocrm.field_version as field
                where field.account_id = :account_id and field.valid_to is null
            """),
            {"account_id": account_id},
        )
    }


def field_row(item: Mapping[str, Any]) -> Row:
    """A row of ``stored_fields`` for an item that the API showed."""
    options = {option["id"]: option["value"] for option in item["enums"] or []}
    return (item["name"], item["code"], item["type"], item["sort"], options)


def exact_json(text_of_json: str | None) -> Any:
    """JSON from Postgres with decimals as decimals."""
    return None if text_of_json is None else simplejson.loads(text_of_json, use_decimal=True)


def false_endings(connection: Connection, world: World, account_id: int) -> list[Row]:
    """I8: latest versions closed as deleted although the account still has the entity."""
    account = world.account(account_id)
    alive = {
        "segment": {one.id for one in account.live_segments()},
        "stage": {one.id for one in account.live_stages()},
        "field": {one.id for one in account.live_fields()},
    }
    ended = connection.execute(
        text("""
            select distinct on (thing, thing_id) thing, thing_id, end_reason from (
                select account_id, 'segment' as thing, segment_id as thing_id, valid_from, end_reason
                from amocrm.segment_version
                union all
                select account_id, 'stage', stage_id, valid_from, end_reason from amocrm.stage_version
                union all
                select account_id, 'field', field_id, valid_from, end_reason from amocrm.field_version
            ) as version
            where account_id = :account_id
            order by thing, thing_id, valid_from desc
        """),
        {"account_id": account_id},
    )
    return [tuple(row) for row in ended if row.end_reason == "deleted" and row.thing_id in alive[row.thing]]


def days_of_shown(shown: Mapping[datetime, Iterable[Row]], timezone: str) -> dict[tuple[int, date], Row]:
    """Last, smallest and largest size of each segment per day of this timezone."""
    days: dict[tuple[int, date], list[int]] = {}
    for instant in sorted(shown):
        for row in shown[instant]:
            days.setdefault((row[0], instant.astimezone(ZoneInfo(timezone)).date()), []).append(row[4])
    return {key: (sizes[-1], min(sizes), max(sizes)) for key, sizes in days.items()}


def stored_days(connection: Connection, account_id: int) -> dict[tuple[int, date], Row]:
    """``analytics.segment_sizes_daily`` of an account, without gaps."""
    return {
        (row.segment_id, row.observed_date): (row.last_count, row.min_count, row.max_count)
        for row in connection.execute(
            text("""
                select segment_id, observed_date, last_count, min_count, max_count
                from analytics.segment_sizes_daily where account_id = :account_id and is_observed
            """),
            {"account_id": account_id},
        )
    }


TABLES = (
    "account",
    "snapshot",
    "stage_version",
    "stage_rule",
    "field_version",
    "option_version",
    "segment_version",
    "segment_price_field",
    "segment_field_value",
    "segment_size",
    "segment_current",
    "segment_size_daily",
    "quality_event",
)
"""Tables that a snapshot writes, without raw responses and failures."""


CONTENTS = " union all ".join(
    f"select '{table}', (to_jsonb(t) - 'published_at')::text from amocrm.{table} as t where account_id = :account_id"
    for table in TABLES
)


def table_contents(connection: Connection, account_id: int) -> dict[str, list[str]]:
    """Every row of every table that a snapshot writes, as text, without ``published_at``."""
    found: dict[str, list[str]] = {table: [] for table in TABLES}
    for table, row in connection.execute(text(f"{CONTENTS} order by 1, 2"), {"account_id": account_id}):
        found[table].append(row)
    return found
