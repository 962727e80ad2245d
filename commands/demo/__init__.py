"""``demo``: load simulated data by the real pipeline and schedule, into a database of its own."""

from __future__ import annotations

import click

from commands.demo.home import MODES, Mode

DEFAULT_DAYS = 365


@click.command()
@click.option("--fresh", "is_fresh", is_flag=True, help="Delete the demo's history and start over.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="segments",
    show_default=True,
    help="Simulate an account with customer segments or with customer stages.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3_650),
    default=DEFAULT_DAYS,
    show_default=True,
    help="Days of history of a new demo.",
)
@click.option("--seed", type=int, help="Seed of a new demo's history.")
def command(*, is_fresh: bool, mode: Mode, days: int, seed: int | None) -> None:
    """Load simulated data, in a database of its own.

    An emulated amoCRM lives through a year, and the real pipeline loads it over HTTP into an embedded Postgres: once a
    day, and four times a day in the last 30 days. It also scans the customers, weekly at first and daily in the last 60
    days. Sizes change, customers join, leave and move, segments are added, renamed and deleted, and outages leave gaps.
    Run it again to continue the history to the present. Ctrl-C does no harm at any time.

    The demo uses neither the accounts nor the database of your settings. All its data are in data/demo.
    """
    from commands.demo.run import run  # noqa: PLC0415 - keeps --help quick

    run(is_fresh=is_fresh, mode=mode, days=days, seed=seed)
