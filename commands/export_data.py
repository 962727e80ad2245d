"""``export-data``: write the report's figures as CSV or Parquet. Which there are is ``pipelines.report``'s subject."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from commands.current_settings import load_current_settings
from commands.demo.options import demo_option, select_demo
from commands.writeback.account import open_history
from commands.writeback.options import account_option
from pipelines.base.atomic_file import write_file
from pipelines.report.export import csv_files
from pipelines.report.figures import read_figures
from pipelines.report.parquet import parquet_files
from pipelines.report.write import LOCATION_ADVICE

FILE_FORMATS: Final = {"csv": csv_files, "parquet": parquet_files}


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where to write them; reports/KEY in the data folder by default. What is there is written over.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice([*FILE_FORMATS]),
    default="csv",
    show_default=True,
    help="csv is for spreadsheets; parquet keeps every value's type, for programs.",
)
@account_option
@demo_option
def command(*, output: Path | None, file_format: str, account_key: str | None, demo: str | None) -> None:
    """Write the report's figures as files: sizes by day, changes, movers, jumps, gaps.

    CSV opens in any spreadsheet, in which no text of amoCRM becomes a formula: where one would, an apostrophe stands
    before it. For all of the history ask the views: '--csv' of the command 'psql' writes any query.
    """
    home = select_demo(demo)
    settings = home.settings if home else load_current_settings()
    with open_history(demo, account_key) as (engine, account):
        figures = read_figures(engine, account.key)
    folder = output or settings.report_file(account.key).parent / account.key
    for name, contents in FILE_FORMATS[file_format](figures):
        write_file(folder / name, contents, account=account.key, advice=LOCATION_ADVICE)
    click.echo(f"wrote {folder}", err=True)
