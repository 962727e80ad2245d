"""``report``: write an account's history as one HTML page. What is on it is ``pipelines.report``'s work."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from commands.demo.choice import chosen_demo, demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from commands.place import settings_here
from pipelines.report.figures import read_figures
from pipelines.report.page import render


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it; reports/KEY.html in the data folder by default. What is there is written over.",
)
@account_option
@demo_option
def command(*, output: Path | None, account_key: str | None, demo: str | None) -> None:
    """Write an account's history as one HTML page: sizes over time, movers, what changed, gaps.

    It needs nothing else: it can be mailed, printed, and read without a network. Nothing is asked of amoCRM.
    """
    home = chosen_demo(demo)
    settings = home.settings if home else settings_here()
    with history_of(demo, account_key) as (engine, account):
        figures = read_figures(engine, account.key)
    html = render(figures, now=datetime.now(UTC), is_simulated=home is not None)
    file = output or settings.data_dir / "reports" / f"{account.key}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html, encoding="utf-8")
    click.echo(f"wrote {file}", err=True)
