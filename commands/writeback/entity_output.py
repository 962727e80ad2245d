"""Stages and segments as tables and JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.amocrm.models import FieldValue, Json, Segment, Snapshot, Stage
from pipelines.base.escape import printable
from pipelines.writeback.to_desired import values_to_desired
from pipelines.writeback.yaml_nodes import YamlList, YamlText

WIDTH_WITHOUT_TERMINAL: Final = 1_000
"""Width without a terminal, so that no name is truncated."""


def print_stages(stages: Iterable[Stage]) -> None:
    """Print one line per stage, in amoCRM's order."""
    ordered = sorted(stages, key=lambda stage: (stage.sort is None, stage.sort, stage.id))
    rows = [
        (stage.id, stage.name, stage.sort, stage.color, len(stage.rules), "system" if stage.is_default else "")
        for stage in ordered
    ]
    _print_table(("id", "name", "sort", "color", "rules", ""), rows)


def print_segments(segments: Iterable[Segment]) -> None:
    """Print one line per segment, the largest first."""
    ordered = sorted(segments, key=lambda segment: (-(segment.customers_count or 0), segment.id))
    rows = [(one.id, one.name, one.customers_count, one.color, len(one.field_values)) for one in ordered]
    _print_table(("id", "name", "customers", "color", "field values"), rows)


def stage_to_json(stage: Stage) -> dict[str, Json]:
    """Return a stage for scripts. Its conditions are groups of rules as received from amoCRM."""
    groups: list[list[Json]] = [[] for _ in range(stage.rule_group_count)]
    for rule in stage.rules:
        groups[rule.group].append(rule.body)
    return {
        "id": stage.id,
        "name": stage.name,
        "sort": stage.sort,
        "color": stage.color,
        "type": stage.type,
        "is_default": stage.is_default,
        "conditions": groups,
    }


def segment_to_json(segment: Segment, snapshot: Snapshot) -> dict[str, Json]:
    """Return a segment for scripts. Its fields have their names as keys, or their ids if names are ambiguous."""
    fields: dict[str, Json] = {}
    for field, desired in values_to_desired(snapshot.fields, segment.field_values, ZoneInfo(snapshot.account.timezone)):
        if desired is None:  # a file cannot express it, so it is shown as received
            values = [value for value in segment.field_values if value.field_id == field.id]
            fields[str(field.id)] = [_raw_value(value) for value in values]
        else:
            fields[desired.field.text] = _to_plain(desired.value)
    return {
        "id": segment.id,
        "name": segment.name,
        "customers_count": segment.customers_count,
        "color": segment.color,
        "price_field_ids": list(segment.price_field_ids),
        "created_at": segment.created_at and segment.created_at.isoformat(),
        "updated_at": segment.updated_at and segment.updated_at.isoformat(),
        "fields": fields,
    }


def _to_plain(value: YamlText | YamlList) -> Json:
    if isinstance(value, YamlText):
        return value.text
    return [item.text for item in value.items if isinstance(item, YamlText)]


def _raw_value(value: FieldValue) -> Json:
    typed = (value.text, value.number, value.boolean, value.date, value.instant, value.option_id)
    return value.json if value.json is not None else next((str(one) for one in typed if one is not None), None)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table without lines; numbers are aligned at the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        is_number = column in ("id", "sort", "customers", "rules", "field values")
        table.add_column(column, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text("" if one is None else printable(str(one))) for one in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
    console.print(table)
