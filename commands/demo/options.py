"""Option ``--demo``, which chooses between the demo's data and the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

import click

from commands.current_settings import load_current_settings
from commands.demo.home import MODES, DemoHome, Mode
from commands.terminal_language import terminal_language
from pipelines.base.errors import SettingsError
from pipelines.config.settings import Settings

LATEST: Final = "latest"

demo_option: Final = click.option(
    "--demo",
    "demo",
    is_flag=False,
    flag_value=LATEST,
    type=click.Choice([*MODES, LATEST]),
    metavar="[MODE]",
    help="Use the simulated data of a demo instead of the settings: segments, periodicity, or the latest demo.",
)


class DemoCommand(click.Command):
    """Command with ``--demo`` and arguments: the word after ``--demo`` is its value only if it is a mode."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``--demo=latest`` if no mode follows, so that click does not take an argument for it."""
        words = [
            f"{word}={LATEST}" if word == "--demo" and after not in (*MODES, LATEST) else word
            for word, after in zip_longest(args, args[1:])
        ]
        return super().parse_args(ctx, words)


def find_demo(demo: str) -> DemoHome:
    """Return the demo that ``--demo`` names. Raises ``SettingsError`` if it was never run."""
    home = _latest(mode for mode in MODES if demo in (LATEST, mode))
    if not home.started_mtime:
        mode = "" if demo == LATEST else f" --mode {demo}"
        raise SettingsError("This demo has no data yet.", advice=f"Run './run demo{mode}' first.")
    return home


def _latest(modes: Iterable[Mode]) -> DemoHome:
    """Return the demo that was started last, which may not exist yet."""
    return max(map(DemoHome.of_mode, modes), key=lambda home: home.started_mtime)


def select_demo(demo: str | None) -> DemoHome | None:
    """Return the demo to use, or None for the user's own warehouse.

    Without ``--demo``, the latest demo is used if the settings contain neither an account nor a database. With it, the
    settings are not read.
    """
    if demo is not None:
        return find_demo(demo)
    settings = load_current_settings()
    home = _latest(MODES)
    return home if home.started_mtime and not settings.all_accounts and settings.database_url is None else None


def select_settings(demo: str | None) -> Settings:
    """Return the settings of the demo to use, or the user's own."""
    home = select_demo(demo)
    return home.settings if home else load_current_settings()


def print_simulated_notice(home: DemoHome) -> None:
    """Print to standard error that the data are simulated."""
    text = terminal_language().gettext("SIMULATED DATA: the demo's account in %(folder)s", folder=home.folder)
    click.echo(text, err=True)
