"""``emulator``: run the emulated amoCRM alone. All of it is in the package ``emulator``."""

from __future__ import annotations

import sys

import click

from emulator.__main__ import main


@click.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the emulated amoCRM alone: a small amoCRM on this machine, with simulated data."""
    sys.exit(main(arguments))
