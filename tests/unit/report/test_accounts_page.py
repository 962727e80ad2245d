"""The page of all accounts, from lines made by hand; no text is active."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.base.secret import Secret
from pipelines.config.accounts import AccountSettings, UnusableAccount
from pipelines.config.settings import Settings
from pipelines.report.accounts import AccountLine
from pipelines.report.accounts_page import AccountRow, build_rows, page_name, render_accounts_page
from pipelines.report.formats import Formats
from tests.pseudo_locale import PSEUDO, page_text, untranslated
from tests.report_parser import ReportReader
from tests.unit.report.test_page import HOSTILE

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENGLISH = Formats.for_account(None, "UTC", "en")
LINE = AccountLine(
    account_key="shop",
    name="Shop",
    customers_mode="segments",
    timezone="Europe/Moscow",
    country="RU",
    observed_at=NOW - timedelta(hours=1),
    observed_date=date(2026, 3, 10),
    is_late=False,
    failure_count=0,
    last_message=None,
    segment_count=2,
    stage_count=0,
    place_id=7,
    place_name="VIP",
    customers_count=1_009,
    change_7_days=9,
    change_30_days=-12,
    last_counts=[None, 1_000, None, 1_009],
    mover_id=8,
    mover_name="Cold",
    mover_change=-40,
)
STAGES = replace(
    LINE,
    account_key="stages",
    name=None,
    customers_mode="periodicity",
    segment_count=0,
    stage_count=1,
    place_id=None,
    last_counts=[None] * 4,
    mover_id=None,
)
LATE = replace(LINE, account_key="late", name="Late", is_late=True, failure_count=2, last_message="Bad gateway.")


def rows(*lines: AccountLine, errors: dict[str, str] | None = None, formats: Formats = ENGLISH) -> list[AccountRow]:
    """Rows of accounts of which two are in the settings, one of these unusable."""
    usable = AccountSettings(key="shop", base_url="https://shop.amocrm.ru", token=Secret("made-up"))
    broken = UnusableAccount(key="broken", problems="Its host is missing.")
    settings = Settings(data_dir=Path("/nonexistent"), accounts=(usable,), unusable=(broken,))
    without = Settings(data_dir=Path("/nonexistent"))
    return list(build_rows(lines, settings if errors else without, errors=errors or {}, formats=formats))


def test_figures_and_problems_are_on_the_page() -> None:
    page = ReportReader(render_accounts_page(rows(LINE, LATE, STAGES), ENGLISH, now=NOW))
    late, shop, stages = page.tables[0][1:]
    assert shop[:3] == ["Shop shop · 2 segments", "VIP", "1\u00a0009"]
    assert shop[4:] == ["+9", "\u221212", "\u221240 Cold", "2026-03-10 14:00"]
    assert late[0].endswith("A load is missing. 2 loads failed since: Bad gateway.")
    assert stages[0] == "stages 1 stage"
    assert stages[1:-1] == [""] * 6
    assert "1 account has a problem" in page.text
    assert "No load is missing." in ReportReader(render_accounts_page(rows(LINE), ENGLISH, now=NOW)).text


def test_accounts_of_the_settings_and_of_the_warehouse_have_a_row() -> None:
    found = {row.key: row for row in rows(LATE, LINE, errors={"shop": "Disk full."})}
    assert (found["shop"].problems, found["shop"].is_former) == ("Disk full.", False)
    assert found["broken"].problems == "Not loaded yet. Its host is missing."
    assert (found["late"].problems, found["late"].is_former) == ("", True), "nobody wants its loads"


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:16])
def test_names_and_messages_are_text(name: str) -> None:
    hostile = replace(LATE, name=name, place_name=name, mover_name=name, last_message=name)
    html = render_accounts_page(rows(hostile), ENGLISH, now=NOW)
    usual = ReportReader(render_accounts_page(rows(LATE), ENGLISH, now=NOW))
    page = ReportReader(html)
    assert (page.tags, page.attributes, page.links) == (usual.tags, usual.attributes, usual.links)
    assert html.count("<script>") == 1


def test_no_word_escapes_translation() -> None:
    formats = replace(ENGLISH, language=PSEUDO)
    lines = [
        replace(line, account_key=str(place), name=None, place_name="1", mover_name="1", last_message="1")
        for place, line in enumerate((LINE, LATE, STAGES, replace(STAGES, customers_mode="disabled")))
    ]
    lines.append(replace(lines[-1], account_key="9", customers_mode="unavailable"))
    html = render_accounts_page(
        [*rows(*lines, formats=formats), *rows(*lines, errors={"1": "1"}, formats=formats)], formats, now=NOW
    )
    assert set(untranslated(page_text(html.replace("broken", "1").replace("Its host is missing.", "1")))) <= {
        "shop",
        "UTC",
    }


def test_an_account_of_the_pages_name_keeps_its_report() -> None:
    assert [page_name(keys) for keys in (["shop"], ["index"])] == ["index", "_index"]
