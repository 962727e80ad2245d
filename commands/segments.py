"""``segments``: list, get, add, update or delete segments one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import click

from commands.demo.options import DemoCommand
from commands.writeback import single_entity
from commands.writeback.options import ApplyOptions, change_options, live_options
from pipelines.writeback import desired
from pipelines.writeback.desired import DesiredSegment, DesiredValue
from pipelines.writeback.validation import SEGMENT_COLORS
from pipelines.writeback.yaml_nodes import YamlList, YamlText


@click.group()
def command() -> None:
    """List, get, add, update or delete segments.

    A change is validated by the rules of amoCRM's documentation, shown, and sent after confirmation. It is stored in
    analytics.write_backs and followed by a load.
    """


@command.command("list", cls=DemoCommand)
@live_options
def list_segments(**options: Any) -> None:
    """List all current segments, the largest first."""
    single_entity.list_all("segment", **options)


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@live_options
def get(*, segment_id: int, **options: Any) -> None:
    """Show one segment with its fields, in the format of files for 'plan'."""
    single_entity.get("segment", segment_id, **options)


def segment_options(body: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a segment's properties."""
    for option in (
        click.option(
            "--field",
            "fields",
            metavar="NAME=VALUE",
            multiple=True,
            help="A custom field by id, name or code; repeat it for several options; null clears it.",
        ),
        click.option(
            "--price-field",
            "prices",
            metavar="ID",
            type=int,
            multiple=True,
            help="An available price field; repeatable.",
        ),
        click.option("--no-price-fields", "is_without_prices", is_flag=True, help="Make no price field available."),
        click.option("--color", metavar="COLOR", help=f"A color of amoCRM's palette, such as {SEGMENT_COLORS[0]}."),
    ):
        body = option(body)
    return body


@command.command(cls=DemoCommand)
@click.option("--name", required=True, help="The segment's name.")
@segment_options
@change_options
def add(
    *, name: str, apply_options: ApplyOptions, account_key: str | None, demo: str | None, **properties: Any
) -> None:
    """Add a segment. Its conditions can only be set in amoCRM's UI."""
    single_entity.add(
        "segment", build_desired_segment(name=name, **properties), apply_options, account_key=account_key, demo=demo
    )


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@click.option("--name", help="The segment's new name.")
@segment_options
@change_options
def update(
    *, segment_id: int, apply_options: ApplyOptions, account_key: str | None, demo: str | None, **properties: Any
) -> None:
    """Update a segment. Properties that are not given stay as they are."""
    if not any(properties.values()):
        raise click.UsageError("Nothing to change: add --name, --color, --price-field, --no-price-fields or --field.")
    single_entity.change(
        build_desired_segment(id=segment_id, **properties), apply_options, account_key=account_key, demo=demo
    )


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@change_options
def delete(*, segment_id: int, apply_options: ApplyOptions, account_key: str | None, demo: str | None) -> None:
    """Delete a segment. 'restore' can re-create it, but not its id, its customers or its conditions."""
    single_entity.change(
        DesiredSegment(id=segment_id, is_deleted=True), apply_options, account_key=account_key, demo=demo
    )


def build_desired_segment(
    *,
    fields: Sequence[str],
    prices: Sequence[int],
    is_without_prices: bool = False,
    color: str | None,
    name: str | None = None,
    id: int | None = None,  # noqa: A002 - the record's field
) -> DesiredSegment:
    """Build the desired segment from the options' values."""
    if prices and is_without_prices:
        raise click.UsageError("--price-field and --no-price-fields exclude each other.")
    values: defaultdict[str, list[YamlText]] = defaultdict(list)
    for field in fields:
        field_name, is_given, value = field.partition("=")
        if not is_given:
            raise click.BadParameter(f"'{field}' lacks its value: write '{field}=...'.", param_hint="--field")
        values[field_name.strip()].append(YamlText(text=value))
    return DesiredSegment(
        id=id,
        name=name,
        color=desired.normalize_color("segment", color),
        price_field_ids=tuple(sorted(set(prices))) if prices or is_without_prices else None,
        values=tuple(
            DesiredValue(
                field=YamlText(text=field_name), value=texts[0] if len(texts) == 1 else YamlList(items=tuple(texts))
            )
            for field_name, texts in values.items()
        ),
    )
