"""``export-data``: write the report's figures as CSV. Which there are is ``pipelines.report``'s subject."""

from __future__ import annotations

from pathlib import Path

import click

from commands.demo.choice import chosen_demo, demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from commands.place import settings_here
from pipelines.report.export import ENCODING, csv_files
from pipelines.report.figures import read_figures


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where to write them; reports/KEY in the data folder by default. What is there is written over.",
)
@account_option
@demo_option
def command(*, output: Path | None, account_key: str | None, demo: str | None) -> None:
    """Write the report's figures as CSV files: sizes by day, changes, movers, jumps, gaps.

    They open in any spreadsheet, in which no text of amoCRM becomes a formula: where one would, an apostrophe stands
    before it. For all of the history ask the views: '--csv' of the command 'psql' writes any query.
    """
    home = chosen_demo(demo)
    settings = home.settings if home else settings_here()
    with history_of(demo, account_key) as (engine, account):
        figures = read_figures(engine, account.key)
    folder = output or settings.data_dir / "reports" / account.key
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in csv_files(figures):
        (folder / name).write_text(text, encoding=ENCODING, newline="")
    click.echo(f"wrote {folder}", err=True)
