"""``demo``: the whole job on simulated data, by the real pipeline and the real schedule, on a database of its own."""

from __future__ import annotations

import click

from commands.demo.home import MODES, Mode


@click.command()
@click.option("--fresh", "is_fresh", is_flag=True, help="Forget the history there is and begin anew.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="segments",
    show_default=True,
    help="An account of customer segments, or one of customer stages.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3_650),
    default=90,
    show_default=True,
    help="Days of history that a new demo begins with.",
)
@click.option("--seed", type=int, help="Another seed, another history; for a new demo.")
def command(*, is_fresh: bool, mode: Mode, days: int, seed: int | None) -> None:
    """Do the whole job on simulated data.

    An emulated amoCRM lives through 90 days; the real pipeline loads it over HTTP, four times a day, into an embedded
    Postgres. Its sizes have rhythm, segments come, go and are renamed, and once it is out, which leaves a gap. Run it
    again and the history goes on to the present. Ctrl-C at any moment does no harm.

    Neither accounts nor the database of your settings are used; all that it makes is in data/demo.
    """
    from commands.demo.run import run  # noqa: PLC0415 - nobody needs all this for a look at the help

    run(is_fresh=is_fresh, mode=mode, days=days, seed=seed)
