"""``stages``: single steps with an account's stages. Changes go the way of every plan: ``commands.writeback``."""

from __future__ import annotations

from typing import Any

import click

from commands.demo.options import DemoCommand
from commands.writeback import single_entity
from commands.writeback.options import ApplyOptions, change_options, live_options
from pipelines.writeback import desired
from pipelines.writeback.desired import DesiredStage
from pipelines.writeback.validation import STAGE_COLORS

COLOR_HELP = f"One of amoCRM's, such as {STAGE_COLORS[0]}; in quotes, because of the '#'."


@click.group()
def command() -> None:
    """List, get, add, update or delete stages, one step at a time.

    Whatever changes the account is shown first and asked about; it is checked by the rules of amoCRM's documentation
    before it is sent, kept in analytics.write_backs, and followed by a load.
    """


@command.command("list", cls=DemoCommand)
@live_options
def list_stages(**options: Any) -> None:
    """Show all stages as they are now, in their order."""
    single_entity.list_all("stage", **options)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@live_options
def get(*, stage_id: int, **options: Any) -> None:
    """Show one stage, as a file for 'plan' would have it."""
    single_entity.get("stage", stage_id, **options)


@command.command(cls=DemoCommand)
@click.option("--name", required=True, help="Its name.")
@click.option("--sort", type=int, required=True, help="Its place among the others.")
@click.option("--color", metavar="COLOR", help=COLOR_HELP)
@change_options
def add(
    *, name: str, sort: int, color: str | None, apply_options: ApplyOptions, account_key: str | None, demo: str | None
) -> None:
    """Add a stage. Its conditions can be set in amoCRM only."""
    stage = DesiredStage(name=name, sort=sort, color=desired.normalize_color("stage", color))
    single_entity.add("stage", stage, apply_options, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@click.option("--name", help="Its new name.")
@click.option("--sort", type=int, help="Its new place among the others.")
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
    """Change a stage. What is not given stays as it is."""
    if name is None and sort is None and color is None:
        raise click.UsageError("Say what is to be changed: --name, --sort or --color.")
    stage = DesiredStage(id=stage_id, name=name, sort=sort, color=desired.normalize_color("stage", color))
    single_entity.change(stage, apply_options, account_key=account_key, demo=demo)


@command.command(cls=DemoCommand)
@click.argument("stage_id", metavar="ID", type=int)
@change_options
def delete(*, stage_id: int, apply_options: ApplyOptions, account_key: str | None, demo: str | None) -> None:
    """Delete a stage. Its customers move to other stages by their conditions, some time later."""
    single_entity.change(DesiredStage(id=stage_id, is_deleted=True), apply_options, account_key=account_key, demo=demo)
