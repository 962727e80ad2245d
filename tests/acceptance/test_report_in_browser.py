"""The report in a headless Chromium."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipelines.base.text import display_name
from pipelines.report.accounts_page import render_accounts_page
from pipelines.report.figures import read_figures
from pipelines.report.page import render_page
from pipelines.warehouse.engine import open_engine
from tests.browser import BROWSER_NAMES, Page, find_browser, open_browser
from tests.conftest import NewDatabase
from tests.records import origin
from tests.sample_history import WEDNESDAY, publish_history
from tests.unit.report.test_accounts_page import ENGLISH, LINE, STAGES, rows
from tests.unit.report.test_page import HOSTILE, figures
from tests.unit.report.test_page import NOW as NOW_BY_HAND

NOW = datetime(2026, 4, 3, 15, tzinfo=UTC)
SPREADSHEET = ["=cmd()", "@SUM(A1)", "+7"]
LEAST_CONTRAST = 4.5
"""What WCAG 2.2 asks of text at level AA (1.4.3)."""

ROWS = """
[...document.querySelectorAll("#segments > .wide tbody tr")].map(row => [...row.cells].map(cell => cell.innerText))
"""
SIZES = """
[...document.querySelectorAll("article details")].map(details => {
    details.open = true;
    const name = details.closest("article").querySelector("h4").innerText;
    return [...details.querySelectorAll("tbody tr")].map(row => [name, ...[...row.cells].map(cell => cell.innerText)]);
}).flat()
"""
CONTRASTS = """
(() => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const solid = color => color.startsWith("rgb") && (parts(color)[3] ?? 1) > 0;
    const behind = (element, node) => {
        if (element.closest("svg")) {
            const box = element.getBoundingClientRect();
            const under = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            const sign = under.find(one => one.matches("path.sign, path.band"));
            if (sign) return getComputedStyle(sign)[sign.matches(".band") ? "fill" : "stroke"];
        }
        for (let one = element; one; one = one.parentElement)
            if (solid(getComputedStyle(one).backgroundColor)) return getComputedStyle(one).backgroundColor;
        return "rgb(255, 255, 255)";
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        if (element.closest("svg")) element.scrollIntoView({block: "center"});
        const style = getComputedStyle(element);
        const colors = [element.closest("svg") ? style.fill : style.color, behind(element)];
        const [dark, bright] = colors.map(color => light(parts(color))).sort((a, b) => a - b);
        found.push([walker.currentNode.data.trim().slice(0, 30), ...colors, (bright + 0.05) / (dark + 0.05)]);
    }
    return found;
})()
"""
FOCUSED = """
(() => {
    const all = [...document.querySelectorAll("*")], element = document.activeElement;
    const box = element.getBoundingClientRect();
    return {
        place: all.indexOf(element), name: element.innerText.slice(0, 30), left: box.left, top: box.top,
        outline: getComputedStyle(element).outlineStyle,
    };
})()
"""
FOCUSABLE = "document.querySelectorAll('a[href], summary, [tabindex]').length"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A browser, where there is one."""
    program = find_browser()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSER_NAMES)} is on the path, and CHROME names none")
    with open_browser(program) as page:
        yield page


@pytest.fixture(scope="module")
def known(
    new_database: NewDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, list[Any]]]:
    """The report of a history that is known by heart, and what its database says."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        publish_history(engine, until=WEDNESDAY)
        html = render_page(read_figures(engine, origin().account_key), now=NOW, language="en")
        with engine.connect() as connection:
            said = {name: [tuple(row) for row in connection.execute(text(sql))] for name, sql in SAID.items()}
        engine.dispose()
    return written(html, tmp_path_factory), said


SAID = {
    "trends": """
        select name, customers_count::text, to_char(change_1_day, 'FMSG999990'), to_char(change_7_days, 'FMSG999990')
        from analytics.segment_trends order by size_rank
    """,
    "sizes": """
        select segments.name, to_char(observed_date, 'DD.MM.YYYY'),
            case when is_observed then coalesce(last_count::text, '–') else 'no load' end
        from analytics.segment_sizes_daily join analytics.segments using (account_id, segment_id)
    """,
}


def written(html: str, folder: pytest.TempPathFactory) -> Path:
    file = folder.mktemp("report") / "page.html"
    file.write_text(html, encoding="utf-8")
    return file


def test_it_shows_the_databases_figures_without_requests(page: Page, known: tuple[Path, dict[str, list[Any]]]) -> None:
    file, said = known
    page.show()
    page.open(file)
    assert (page.requests, page.console_errors) == ([file.as_uri()], [])
    shown = [tuple(plain(cell) for cell in row[:4]) for row in page.run(ROWS)]
    assert shown == [tuple(plain(cell or "–") for cell in row) for row in said["trends"]]
    assert sorted(tuple(row) for row in page.run(SIZES)) == sorted(said["sizes"])


def plain(cell: str) -> str:
    """A number without what its country writes it with; a change of nothing has no sign."""
    return re.sub(r"[\s\u00a0\u202f]", "", cell.replace("\u2212", "-")).replace("+0", "0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_contrasts_with_its_background(page: Page, known: tuple[Path, Any], scheme: str) -> None:
    page.show(scheme=scheme)
    page.open(known[0])
    page.run(SIZES)
    contrasts = page.run(CONTRASTS)
    assert len(contrasts) > 100
    assert [one for one in contrasts if one[-1] < LEAST_CONTRAST] == []
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_need_not_be_moved_sideways(page: Page, known: tuple[Path, Any], width: int) -> None:
    page.show(width=width, height=800, is_phone=True)
    page.open(known[0])
    page.run(SIZES)
    assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [width, width]


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(page: Page, known: tuple[Path, Any]) -> None:
    page.show()
    page.open(known[0])
    count = page.run(FOCUSABLE)
    reached = []
    for _ in range(count):
        page.press("Tab")
        reached.append(page.run(FOCUSED))
    assert [one for one in reached if one["outline"] == "none" or one["left"] < 0 or one["top"] < 0] == []
    assert all(before["place"] < after["place"] for before, after in pairwise(reached))
    assert reached[0]["name"] == "To the figures"
    page.run("document.activeElement.blur()")
    page.open(known[0])
    page.press("Tab")
    page.press("Enter")
    assert page.run("location.hash") == "#figures"


def test_screen_readers_get_the_same_content(page: Page, known: tuple[Path, Any]) -> None:
    file, said = known
    page.show()
    page.open(file)
    tree = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in page.tree()]
    speaking = {"RootWebArea", "link", "heading", "region", "article", "navigation", "columnheader", "rowheader"}
    assert [role for role, name in tree if role in speaking and not name.strip()] == []
    regions = page.run("document.querySelectorAll('section, [role=region]').length")
    assert [role for role, _ in tree].count("region") == regions > 5, "one without a name is none"
    assert not {role for role, _ in tree} & {"image", "img", "graphics-document", "graphics-symbol", "SvgRoot"}
    assert [name for role, name in tree if role == "article"] == [row[0] for row in said["trends"]]
    beside = "[...document.querySelectorAll('svg')].map(svg => !!svg.closest('article').querySelector('details table'))"
    assert page.run(beside) == [True] * len(said["trends"])


@pytest.mark.parametrize("name", [*HOSTILE, *SPREADSHEET], ids=lambda name: ascii(name)[:16])
def test_names_are_text_and_nothing_else(page: Page, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    file = written(render_page(figures(name), now=NOW_BY_HAND, language="en"), tmp_path_factory)
    page.show()
    page.open(file)
    assert (page.requests, page.console_errors) == ([file.as_uri()], [])
    assert page.run("document.querySelectorAll('script, img, iframe, object, link, form').length") == 0
    assert page.run("document.querySelector('h1').textContent") == display_name(name, "shop")
    assert page.run("document.querySelector('article h4').textContent") == display_name(name, "1")


def test_a_printed_timeline_starts_below_its_title(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Chromium would move a list that may not break below a day to the next page, and leave the rest of one blank."""
    full = figures()
    days = [replace(full.changes[0], observed_at=NOW_BY_HAND - timedelta(days=number)) for number in range(3, 36)]
    changes = [replace(row, value_field_name=f"Field {number}") for number, row in enumerate(days)]
    page.show()
    page.open(written(render_page(replace(full, changes=changes), now=NOW_BY_HAND, language="en"), tmp_path_factory))
    count = printed_page_count(page)
    style = "<style>.timeline h3 {break-after: avoid !important}</style>"
    page.run(f"document.head.insertAdjacentHTML('beforeend', '{style}')")
    assert count < printed_page_count(page)


def printed_page_count(page: Page) -> int:
    pdf = base64.b64decode(page.call("Page.printToPDF")["data"])
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_the_page_of_all_accounts_is_sorted_by_a_click(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = [
        replace(LINE, account_key=f"a{size}", name=f"Client {size}", customers_count=size, is_late=size == 20)
        for size in (3, 100, 20)
    ]
    file = written(render_accounts_page(rows(STAGES, *lines), ENGLISH, now=NOW_BY_HAND), tmp_path_factory)
    for scheme in ("light", "dark"):
        page.show(scheme=scheme)
        page.open(file)
        assert (page.requests, page.console_errors) == ([file.as_uri()], [])
        assert [one for one in page.run(CONTRASTS) if one[-1] < LEAST_CONTRAST] == []
    orders = [page.run(CLICKED % column) for column in ("Customers", "Customers", "Account")]
    assert orders == [
        ["descending", ["100", "20", "3", ""]],
        ["ascending", ["3", "20", "100", ""]],
        ["ascending", ["3", "20", "100", ""]],
    ]
    page.show(width=320, height=800, is_phone=True)
    page.open(file)
    assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [320, 320]


CLICKED = """
(() => {
    const button = [...document.querySelectorAll("thead button")].find(one => one.innerText.startsWith("%s"));
    button.click();
    const rows = [...document.querySelectorAll("tbody tr")];
    return [button.parentElement.ariaSort, rows.map(row => row.cells[2].innerText)];
})()
"""
