"""``stages``: list, get, add, update or delete stages one at a time."""

from __future__ import annotations

from typing import Any

import click

from commands.demo.options import DemoCommand
from commands.writeback import single_entity
from commands.writeback.options import ApplyOptions, change_options, live_options
from pipelines.writeback import desired
from pipelines.writeback.desired import DesiredStage
from pipelines.writeback.validation import STAGE_COLORS

COLOR_HELP = f"A color of amoCRM's palette, such as {STAGE_COLORS[0]}; quote it because of the '#'."


@click.group()
def command() -> None:
    """List, get, add, update or delete stages.

    A change is validated by the rules of amoCRM's documentation, shown, and sent after confirmation. It is stored in
    analytics.write_backs and followed by a load.
    """


@command.command("list", cls=DemoCommand)
@live_options
def list_stages(**options: Any) -> None:
    """List all current stages in their order."""
    single_entity.list_all("stage", **options)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@live_options
def get(*, stage_id: int, **options: Any) -> None:
    """Show one stage, in the format of files for 'plan'."""
    single_entity.get("stage", stage_id, **options)


@command.command(cls=DemoCommand)
@click.option("--name", required=True, help="The stage's name.")
@click.option("--sort", type=int, required=True, help="The stage's position among the others.")
@click.option("--color", metavar="COLOR", help=COLOR_HELP)
@change_options
def add(
    *, name: str, sort: int, color: str | None, apply_options: ApplyOptions, account_key: str | None, demo: str | None
) -> None:
    """Add a stage. Its conditions can only be set in amoCRM's UI."""
    stage = DesiredStage(name=name, sort=sort, color=desired.normalize_color("stage", color))
    single_entity.add("stage", stage, apply_options, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@click.option("--name", help="The stage's new name.")
@click.option("--sort", type=int, help="The stage's new position among the others.")
@click.option("--color", metavar="COLOR", help=COLOR_HELP)
@change_options
def update(
    *,
    stage_id: int,
    name: str | None,
    sort: int | None,
    color: str | None,
    apply_options: ApplyOptions,
    account_key: str | None,
    demo: str | None,
) -> None:
    """Update a stage. Properties that are not given stay as they are."""
    if name is None and sort is None and color is None:
        raise click.UsageError("Nothing to change: add --name, --sort or --color.")
    stage = DesiredStage(id=stage_id, name=name, sort=sort, color=desired.normalize_color("stage", color))
    single_entity.change(stage, apply_options, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@change_options
def delete(*, stage_id: int, apply_options: ApplyOptions, account_key: str | None, demo: str | None) -> None:
    """Delete a stage. amoCRM moves its customers to other stages by their conditions, after some time."""
    single_entity.change(DesiredStage(id=stage_id, is_deleted=True), apply_options, account_key=account_key, demo=demo)
