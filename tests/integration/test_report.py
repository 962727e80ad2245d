"""The report of a fixed history: its figures equal the database's."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from commands.cli import cli
from commands.demo.home import DemoHome, SimulationConfig
from commands.writeback.account import open_history
from pipelines.base.errors import DatabaseError, MigrationError, SettingsError
from pipelines.report import figures as report_figures
from pipelines.report.figures import read_figures
from pipelines.report.page import render_page
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.publish import publish
from tests.command_line import run
from tests.records import account, origin, segment, snapshot
from tests.report_parser import ReportReader
from tests.sample_history import NOON, WEDNESDAY, publish_history

KEY = origin().account_key
NOW = datetime(2026, 4, 3, 15, tzinfo=UTC)


def test_figures_on_the_page_are_the_databases(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    page = ReportReader(render_page(read_figures(engine, KEY), now=NOW, language="en"))
    with engine.connect() as connection:
        trends = connection.execute(
            text("select name, customers_count::text from analytics.segment_trends order by size_rank")
        ).all()
        days = connection.execute(
            text(
                "select to_char(observed_date, 'DD.MM.YYYY'),"
                " case when is_observed then coalesce(last_count::text, '–') else 'no load' end"
                " from analytics.segment_sizes_daily where name = 'VIP club' order by observed_date desc"
            )
        ).all()
    overview, vip, *_ = page.tables
    assert [(row[0], row[1]) for row in overview[1:]] == [tuple(row) for row in trends]
    assert [(row[0], row[1]) for row in vip[1:]] == [tuple(row) for row in days]
    assert ("30.03.2026", "no load") in [(row[0], row[1]) for row in vip]
    assert "Segment 'VIP' renamed to 'VIP club'." in page.text
    assert "Segment 'New' deleted." in page.text


def test_stages_are_shown_with_their_rules(engine: Engine) -> None:
    publish_history(engine, until=NOON)
    page = ReportReader(render_page(read_figures(engine, KEY), now=NOW, language="en"))
    assert [row[:3] for row in page.tables[0][1:]] == [
        ["Closed", "regular", "after today: 60 days"],
        ["Bought", "regular", "none"],
    ]
    assert "2 stages of recurring purchases." in page.text


def test_it_looks_back_so_many_days(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    figures = read_figures(engine, KEY, days=2)
    assert {day.date.isoformat() for one in figures.segments for day in one.days} == {"2026-03-31", "2026-04-01"}
    assert {change.observed_at for change in figures.changes} == {WEDNESDAY}
    assert {change.observed_at for change in read_figures(engine, KEY).changes} > {WEDNESDAY}


def test_omitted_changes_and_anomalies_are_counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_history(engine, until=WEDNESDAY)
    full = read_figures(engine, KEY)
    assert (full.changes_from, full.has_all_anomalies) == (None, True)
    assert len({change.observed_at for change in full.changes}) > 1
    monkeypatch.setattr(report_figures, "MAX_CHANGES", 1)
    monkeypatch.setattr(report_figures, "MAX_ANOMALIES", 0)
    cut = read_figures(engine, KEY)
    assert cut.changes_from == cut.changes[-1].observed_at == full.changes[0].observed_at
    assert cut.has_all_anomalies == (not full.anomalies)
    monkeypatch.setattr(report_figures, "MAX_CHANGES", len(full.changes))
    assert read_figures(engine, KEY).changes_from is None, "just as many as there are"


def test_an_account_without_a_snapshot(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="account 'none': it has no snapshot yet"):
        read_figures(engine, "none")


def test_the_command_writes_to_the_output_or_the_data_folder(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    publish_history(engine)
    english = {"DATABASE_URL": postgres_url, "AMOCRM_LANGUAGE": "en"}
    told = run("report", "--output", "here/page.html", folder=tmp_path, **english)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", f"wrote {tmp_path / 'here/page.html'}\n")
    page = ReportReader((tmp_path / "here" / "page.html").read_text(encoding="utf-8"))
    assert "3 segments; the largest, 'VIP club', holds 130 customers" in page.text
    again = run("report", "--account", KEY, folder=tmp_path, DATABASE_URL=postgres_url)
    assert again.returncode == 0
    by_country = (tmp_path / "data" / "reports" / f"{KEY}.html").read_text(encoding="utf-8")
    assert '<html lang="ru">' in by_country
    assert "3 сегмента; в самом большом, «VIP club», 130 покупателей" in by_country
    assert run("report", "--account", "none", folder=tmp_path, DATABASE_URL=postgres_url).returncode == 2


def test_every_account_has_a_page_and_a_list_links_them(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    for number, key in enumerate(("acme", "zenith"), start=1):
        account_ = account(id=number, name=key.title())
        publish(
            engine, snapshot(NOW, account=account_, segments=(segment(7, 40, name="VIP"),)), origin(account_key=key)
        )
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into amocrm.load_failure (account_key, started_at, failed_at, error, message)"
                " values ('young', now(), now(), 'NotFound', 'No such account.')"
            )
        )
    site = tmp_path / "site"
    (site / "zenith.html").mkdir(parents=True)  # cannot be replaced by a file
    keys = ("acme", "zenith", "young")
    tables = (f'[accounts.{key}]\nhost = "{key}.amocrm.ru"\ntoken_env = "TOKEN"\n' for key in keys)
    (tmp_path / "accounts.toml").write_text("".join(tables), encoding="utf-8")
    variables = {
        "DATABASE_URL": postgres_url,
        "AMOCRM_REPORT_DIR": "site",
        "AMOCRM_ACCOUNTS_FILE": "accounts.toml",
        "TOKEN": "made-up",
    }
    told = run("report", "--all", folder=tmp_path, **variables)
    assert (told.returncode, told.stderr.count("wrote ")) == (SettingsError.exit_code, 2), told.stderr
    assert "account 'zenith'" in told.stderr
    assert "Acme" in (site / "acme.html").read_text(encoding="utf-8")
    page = ReportReader((site / "index.html").read_text(encoding="utf-8"))
    assert "acme.html" in page.links
    [zenith] = [row[0] for row in page.tables[0] if row[0].startswith("Zenith")]
    assert "cannot be written" in zenith
    [young] = [row[0] for row in page.tables[0] if row[0].startswith("young")]
    assert "Not loaded yet. No such account." in young
    assert run("report", "--all", "--output", "page.html", folder=tmp_path, **variables).returncode == 2
    told = run("export-data", "--all", "--format", "xlsx", folder=tmp_path, **variables)
    file = tmp_path / "site" / "all accounts" / "accounts.xlsx"
    assert (told.returncode, told.stderr) == (0, f"wrote {file}\n")
    told = run("export-data", "--all", "--locale", "ru_RU", "--output", "out", folder=tmp_path, **variables)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "out" / "gaps.csv").read_text(encoding="utf-8-sig").startswith("account_key;")
    for wrong in (["--all", "--account", "acme"], ["--format", "xlsx", "--locale", "ru_RU"]):
        assert run("export-data", *wrong, folder=tmp_path, **variables).returncode == 2


def test_the_same_figures_as_files(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    publish_history(engine, until=WEDNESDAY)
    told = run("export-data", "--output", "out", folder=tmp_path, DATABASE_URL=postgres_url)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", f"wrote {tmp_path / 'out'}\n")
    with (tmp_path / "out" / "segment_sizes_daily.csv").open(encoding="utf-8-sig", newline="") as file:
        written = [(row["segment_id"], row["observed_date"], row["last_count"]) for row in csv.DictReader(file)]
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "select segment_id::text, observed_date::text, coalesce(last_count::text, '')"
                " from analytics.segment_sizes_daily join analytics.segments using (account_id, segment_id)"
            )
        )
        assert sorted(written) == sorted(tuple(row) for row in rows)


def test_unwritable_files_are_reported(
    engine: Engine, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    publish_history(engine, until=WEDNESDAY)
    (tmp_path / "taken").write_bytes(b"")
    told = CliRunner().invoke(cli, ["export-data", "--output", "taken/out"], env={"DATABASE_URL": postgres_url})
    assert told.exit_code == SettingsError.exit_code
    assert re.search(r"taken/out/.*\.csv cannot be written: .*AMOCRM_REPORT_DIR, or --output", told.stderr, re.DOTALL)


def test_the_demos_older_database_is_brought_up_to_date_unless_another_program_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = DemoHome.of_mode("segments")
    home.begin(SimulationConfig(seed=1, started_at=NOW, mode="segments"))
    with open_warehouse(home.settings) as older:
        migrate(older)
        publish_history(older)
        with older.begin() as connection:
            connection.execute(text("update amocrm.schema_view set checksum = 'older' where name = 'changes'"))
        with (
            home.exclusive_lock(),
            pytest.raises(MigrationError, match="End the program that uses the demo's data, such as 'dev'"),
            open_history("segments", None),
        ):
            pass
        with open_history("segments", None) as (engine, account):
            assert read_figures(engine, account.key).state.account_key == KEY
    home.clear()


def test_the_same_figures_as_parquet(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    publish_history(engine, until=WEDNESDAY)
    told = run(
        "export-data", "--format", "parquet", folder=tmp_path, DATABASE_URL=postgres_url, AMOCRM_REPORT_DIR="site"
    )
    assert (told.returncode, told.stderr) == (0, f"wrote {tmp_path / 'site' / KEY}\n")
    written = pyarrow.parquet.read_table(tmp_path / "site" / KEY / "segments.parquet").to_pylist()
    with engine.connect() as connection:
        rows = connection.execute(
            text("select name, customers_count, share_percent from analytics.segment_trends order by size_rank")
        )
        assert [(row["name"], row["customers_count"], row["share_percent"]) for row in written] == [
            tuple(row) for row in rows
        ]


def test_a_terminal_shows_one_account_or_a_line_of_each(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    variables = {"DATABASE_URL": postgres_url, "COLUMNS": "120"}
    none = run("show", folder=tmp_path, **variables)
    assert (none.returncode, "Run 'amocrm-warehouse sync' first." in none.stderr) == (SettingsError.exit_code, True)
    publish_history(engine)
    one = run("show", folder=tmp_path, **variables)
    assert (one.returncode, one.stderr) == (0, "")
    assert re.search(r"VIP club +130 .*[▁▂▃▄▅▆▇█]", one.stdout)
    assert "rules of stage 'Closed' changed" in one.stdout
    off = snapshot(NOW + timedelta(days=1), account=account("disabled"))
    publish(engine, off, origin())
    assert "Customers are switched off" in run("show", folder=tmp_path, **variables).stdout
    hostile = "[b]:x:\u202e\x1b[31m"
    other = snapshot(NOW, account=account(id=2, name=hostile), segments=(segment(7, 40, name=hostile),))
    publish(engine, other, origin(account_key="other"))
    both = run("show", folder=tmp_path, **variables)
    lines = both.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["Account", KEY, "other"]
    assert lines[2].count("[b]:x: [31m") == 2
    assert re.search(rf"{KEY} A load is missing", both.stdout)
    assert "VIP club" in run("show", KEY, folder=tmp_path, **variables).stdout
    assert run("show", "none", folder=tmp_path, **variables).returncode == SettingsError.exit_code
