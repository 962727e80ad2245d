"""``export-data``: export the report's figures as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from commands.demo.options import demo_option, select_settings
from commands.options import account_option
from commands.writeback.account import open_history
from pipelines.base.atomic_file import write_file
from pipelines.report.csv_export import csv_files
from pipelines.report.figures import read_figures
from pipelines.report.parquet import parquet_files
from pipelines.report.write import LOCATION_ADVICE

FILE_FORMATS: Final = {"csv": csv_files, "parquet": parquet_files}


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder to write to (default: reports/KEY in the data folder). Existing files are overwritten.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice([*FILE_FORMATS]),
    default="csv",
    show_default=True,
    help="csv for spreadsheets; parquet for programs, with the types of all values.",
)
@account_option
@demo_option
def command(*, output: Path | None, file_format: str, account_key: str | None, demo: str | None) -> None:
    """Export the report's figures: sizes by day, changes, movers, jumps, gaps.

    In CSV files an apostrophe is put before texts that a spreadsheet would run as a formula. To export more of the
    history, query the views: './run psql --csv -c QUERY'.
    """
    settings = select_settings(demo)
    with open_history(demo, account_key) as (engine, account):
        figures = read_figures(engine, account.key)
    folder = output or settings.report_file(account.key).parent / account.key
    for name, contents in FILE_FORMATS[file_format](figures):
        write_file(folder / name, contents, account=account.key, advice=LOCATION_ADVICE)
    click.echo(f"wrote {folder}", err=True)
