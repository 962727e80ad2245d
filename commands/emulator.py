"""``emulator``: run the emulated amoCRM."""

from __future__ import annotations

import os
import sys

import click

from commands.paths import caller_folder
from emulator.__main__ import main


@click.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run an emulated amoCRM with simulated data on this machine."""
    os.chdir(caller_folder())  # where the path of --state starts
    sys.exit(main(arguments))
