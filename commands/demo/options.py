"""Whether a command works on the demo's data or on those of the user's own settings."""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

import click

from commands.current_settings import load_current_settings
from commands.demo.home import MODES, DemoHome
from pipelines.base.errors import SettingsError

LATEST: Final = "latest"

demo_option: Final = click.option(
    "--demo",
    "demo",
    is_flag=False,
    flag_value=LATEST,
    type=click.Choice([*MODES, LATEST]),
    metavar="[MODE]",
    help="Use the demo's simulated data, whatever the settings say: segments, periodicity, or the latest demo.",
)
"""The option ``--demo`` of commands that can work on either."""


class DemoCommand(click.Command):
    """A command with ``--demo`` and arguments of its own: what follows ``--demo`` is its mode only if it is one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Have click not take an argument for the mode."""
        words = [
            f"{word}={LATEST}" if word == "--demo" and after not in (*MODES, LATEST) else word
            for word, after in zip_longest(args, args[1:])
        ]
        return super().parse_args(ctx, words)


def find_demo(demo: str) -> DemoHome:
    """The demo that ``--demo`` names. Raises ``SettingsError`` where it was never run."""
    homes = [DemoHome.of_mode(mode) for mode in MODES if demo in (LATEST, mode)]
    home = max(homes, key=lambda one: one.started_mtime)
    if not home.started_mtime:
        mode = "" if demo == LATEST else f" --mode {demo}"
        raise SettingsError("There are no data of that demo yet.", advice=f"Run './run demo{mode}' first.")
    return home


def select_demo(demo: str | None) -> DemoHome | None:
    """The demo to work on, or None where the user's own warehouse is meant.

    Without ``--demo``, which leaves settings unread, it is the latest demo if those name neither account nor database.
    """
    if demo is not None:
        return find_demo(demo)
    settings = load_current_settings()
    home = max(map(DemoHome.of_mode, MODES), key=lambda one: one.started_mtime)
    return home if home.started_mtime and not settings.all_accounts and settings.database_url is None else None
