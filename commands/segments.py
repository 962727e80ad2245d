"""``segments``: single steps with an account's segments. Changes go the way of every plan: ``commands.manage``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import click

from commands.demo.choice import DemoCommand
from commands.manage import single
from commands.manage.options import Manner, change_options, live_options
from pipelines.manage import desired
from pipelines.manage.desired import DesiredSegment, DesiredValue
from pipelines.manage.nodes import Items, Text
from pipelines.manage.rules import SEGMENT_COLORS


@click.group()
def command() -> None:
    """List, get, add, update or delete segments, one step at a time.

    Whatever changes the account is shown first and asked about; it is checked by the rules of amoCRM's documentation
    before it is sent, kept in analytics.write_backs, and followed by a load.
    """


@command.command("list", cls=DemoCommand)
@live_options
def list_segments(**where: Any) -> None:
    """Show all segments as they are now, the largest first."""
    single.list_all("segment", **where)


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@live_options
def get(*, segment_id: int, **where: Any) -> None:
    """Show one segment with its fields, as a file for 'plan' would have it."""
    single.get("segment", segment_id, **where)


def properties(body: Callable[..., None]) -> Callable[..., None]:
    """Options for what a segment can be given."""
    for option in (
        click.option(
            "--field",
            "fields",
            metavar="NAME=VALUE",
            multiple=True,
            help="A custom field by id, name or code; again for several options; null empties it.",
        ),
        click.option("--price-field", "prices", metavar="ID", type=int, multiple=True, help="An available price."),
        click.option("--color", metavar="COLOR", help=f"One of amoCRM's, such as {SEGMENT_COLORS[0]}."),
    ):
        body = option(body)
    return body


@command.command(cls=DemoCommand)
@click.option("--name", required=True, help="Its name.")
@properties
@change_options
def add(*, name: str, manner: Manner, account_key: str | None, demo: str | None, **given: Any) -> None:
    """Add a segment. Its conditions can be set in amoCRM only."""
    single.add("segment", wanted(name=name, **given), manner, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@click.option("--name", help="Its new name.")
@properties
@change_options
def update(*, segment_id: int, manner: Manner, account_key: str | None, demo: str | None, **given: Any) -> None:
    """Change a segment. What is not given stays as it is."""
    if not any(given.values()):
        raise click.UsageError("Say what is to be changed: --name, --color, --price-field or --field.")
    single.change(wanted(id=segment_id, **given), manner, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("segment_id", metavar="ID", type=int)
@change_options
def delete(*, segment_id: int, manner: Manner, account_key: str | None, demo: str | None) -> None:
    """Delete a segment. It can be restored, but for its id, its customers and its conditions."""
    single.change(DesiredSegment(id=segment_id, is_deleted=True), manner, account_key=account_key, demo=demo)


def wanted(
    *,
    fields: Sequence[str],
    prices: Sequence[int],
    color: str | None,
    name: str | None = None,
    id: int | None = None,  # noqa: A002 - the record's word
) -> DesiredSegment:
    """What is given, as what is wanted."""
    values: defaultdict[str, list[Text]] = defaultdict(list)
    for field in fields:
        called, is_given, value = field.partition("=")
        if not is_given:
            raise click.BadParameter(f"'{field}' lacks its value: write '{field}=...'.", param_hint="--field")
        values[called.strip()].append(Text(text=value))
    return DesiredSegment(
        id=id,
        name=name,
        color=desired.color("segment", color),
        price_field_ids=tuple(sorted(set(prices))) if prices else None,
        values=tuple(
            DesiredValue(
                field=Text(text=called), value=several[0] if len(several) == 1 else Items(items=tuple(several))
            )
            for called, several in values.items()
        ),
    )
