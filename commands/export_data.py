"""``export-data``: export the report's figures as CSV, as an Excel workbook, or as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from commands.demo.options import demo_option
from commands.options import account_option
from commands.paths import UserPath
from commands.writeback.account import open_histories, select_account, select_all_accounts
from pipelines.base.atomic_file import write_file
from pipelines.report.csv_export import CsvLocale, csv_files
from pipelines.report.figures import Figures, read_figures
from pipelines.report.parquet import parquet_files
from pipelines.report.scan_tables import read_scan_tables
from pipelines.report.tables import ReportTable
from pipelines.report.workbook import workbook_files
from pipelines.report.write import LOCATION_ADVICE

FILE_FORMATS: Final[dict[str, Callable[[Sequence[Figures], Sequence[ReportTable]], Iterator[tuple[str, bytes]]]]] = {
    "csv": csv_files,
    "xlsx": workbook_files,
    "parquet": parquet_files,
}

ALL_FOLDER: Final = "all accounts"
"""Default folder of ``--all``. No account has this key, since keys hold no blanks."""


@click.command()
@click.option(
    "--output",
    type=UserPath(file_okay=False),
    metavar="FOLDER",
    help=f"Folder to write to (default: reports/KEY in the data folder, with --all 'reports/{ALL_FOLDER}'). "
    "Existing files are overwritten.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice([*FILE_FORMATS]),
    default="csv",
    show_default=True,
    help="csv; xlsx, one workbook with typed cells, for spreadsheets of every language; parquet for programs.",
)
@click.option(
    "--locale",
    "locale_text",
    metavar="LOCALE",
    help="Write CSV for spreadsheets of this language and country, such as ru_RU: separator, decimals, dates.",
)
@click.option("--all", "is_all", is_flag=True, help="Export every account that has a history to the same files.")
@account_option
@demo_option
def command(
    *,
    output: Path | None,
    file_format: str,
    locale_text: str | None,
    is_all: bool,
    account_key: str | None,
    demo: str | None,
) -> None:
    """Export the report's figures: sizes by day, changes, movers, jumps, gaps; with scans of customers, flows too.

    In CSV files an apostrophe is put before texts that a spreadsheet would run as a formula. To export more of the
    history, query the views: './run psql --csv -c QUERY'.
    """
    if is_all and account_key:
        raise click.UsageError("--all and --account exclude each other.")
    if locale_text and file_format != "csv":
        raise click.UsageError(f"--locale is for csv: {file_format} holds typed values, which need no locale.")
    to_files = partial(csv_files, locale=CsvLocale.parse(locale_text)) if locale_text else FILE_FORMATS[file_format]
    with open_histories(demo) as (engine, known, settings):
        chosen = select_all_accounts(known) if is_all else [select_account(known, account_key, settings)]
        accounts = [read_figures(engine, account.key) for account in chosen]
        scan_tables = read_scan_tables(engine, accounts)
    name = ALL_FOLDER if is_all else chosen[0].key
    folder = output or settings.report_file("").parent / name
    files = list(to_files(accounts, scan_tables))
    for file_name, contents in files:
        write_file(folder / file_name, contents, account=None if is_all else name, advice=LOCATION_ADVICE)
    click.echo(f"wrote {folder / files[0][0] if len(files) == 1 else folder}", err=True)
