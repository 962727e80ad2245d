"""What every peer needs to know of amoCRM: which accounts there are, what to ask them, and rows of plain values.

Only Python's own library is used, since each peer runs in an environment of its own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "/api/v4/account?with=datetime_settings"
SEGMENTS = "/api/v4/customers/segments"
FIELDS = "/api/v4/customers/segments/custom_fields"
PAGE = {"page": 1, "limit": 250}
BATCH = 50
"""Accounts whose rows are held in memory at a time, where a tool takes rows in batches."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where an account is, and how it is reached."""

    url: str
    headers: dict[str, str]


def accounts() -> list[Account]:
    """The accounts of accounts.toml in this folder, with their tokens from the environment."""
    tables = tomllib.loads(Path("accounts.toml").read_text(encoding="utf-8"))["accounts"]
    return [
        Account(url=f"http://{one['host']}", headers={"Authorization": f"Bearer {os.environ[one['token_env']]}"})
        for one in tables.values()
    ]


def batches(everything: list[Account]) -> Iterator[list[Account]]:
    """The accounts, some at a time."""
    for start in range(0, len(everything), BATCH):
        yield everything[start : start + BATCH]


def rows_of(
    described: list[dict[str, Any]], segments: list[dict[str, Any]], fields: list[dict[str, Any]], observed_at: str
) -> dict[str, list[dict[str, Any]]]:
    """What some accounts say, as the rows of each table."""
    return {
        "accounts": [account_row(account, observed_at) for account in described],
        "segments": [segment_row(segment, observed_at) for segment in segments],
        "values": [row for segment in segments for row in value_rows(segment, observed_at)],
        "fields": [field_row(field, observed_at) for field in fields],
        "options": [row for field in fields for row in option_rows(field, observed_at)],
    }


def segment_row(segment: dict[str, Any], observed_at: str) -> dict[str, Any]:
    """A segment without its fields."""
    columns = ("account_id", "id", "name", "color", "created_at", "updated_at", "customers_count")
    return {column: segment[column] for column in columns} | {"observed_at": observed_at}


def value_rows(segment: dict[str, Any], observed_at: str) -> Iterator[dict[str, Any]]:
    """A row for each value of a segment's fields, in the column of its type."""
    for field in segment["custom_fields_values"] or ():
        for position, item in enumerate(field["values"]):
            value = item["value"]
            yield {
                "account_id": segment["account_id"],
                "segment_id": segment["id"],
                "field_id": field["field_id"],
                "field_type": field["field_type"],
                "position": position,
                "text_value": value if isinstance(value, str) else None,
                "number_value": float(value) if isinstance(value, int | float) and value is not True else None,
                "boolean_value": value if isinstance(value, bool) else None,
                "enum_id": item.get("enum_id"),
                "observed_at": observed_at,
            }


def field_row(field: dict[str, Any], observed_at: str) -> dict[str, Any]:
    """A field's definition without its options."""
    columns = ("account_id", "id", "name", "code", "type", "sort")
    return {column: field[column] for column in columns} | {"observed_at": observed_at}


def option_rows(field: dict[str, Any], observed_at: str) -> Iterator[dict[str, Any]]:
    """The options of a field."""
    for option in field["enums"] or ():
        yield {"account_id": field["account_id"], "field_id": field["id"], **option, "observed_at": observed_at}


def account_row(account: dict[str, Any], observed_at: str) -> dict[str, Any]:
    """What is worth keeping of an account."""
    columns = ("id", "name", "subdomain", "country", "currency", "customers_mode")
    return {column: account[column] for column in columns} | {"observed_at": observed_at}
