"""Documentation: links, settings, views and kinds of anomalies exist."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path

import pytest

from emulator.effects import EFFECTS
from pipelines.amocrm.anomalies import ANOMALY_KINDS
from pipelines.warehouse.sql_files import read_views

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name.partition("-")[0] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    titles = [page.read_text(encoding="utf-8").partition(" ")[2] for page in pages]
    assert [title.partition(".")[0] for title in titles] == [str(number) for number in range(1, len(pages) + 1)]


def test_every_bench_is_listed() -> None:
    benches = [*(ROOT / "bench").glob("[a-z]*.py"), *(path.parent for path in (ROOT / "bench").glob("*/__init__.py"))]
    page = (ROOT / "bench/README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `./run bench (\w+)` \|", page, re.MULTILINE)) == {path.stem for path in benches}


def test_every_kind_of_anomaly_is_explained() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/operations.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {kind: meaning for kind, meaning in table if kind in ANOMALY_KINDS} == ANOMALY_KINDS


def made_in_analytics() -> set[str]:
    """Names of all views and functions of schema ``analytics``."""
    texts = [view.text for view in read_views(ROOT / "sql/views")]
    return {name for text in texts for name in re.findall(r"create or replace \w+ analytics\.(\w+)", text)}


def test_views_that_pages_name_exist() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    named = {name for text in texts for name in re.findall(r"\banalytics\.([a-z_]+)", text)}
    assert named <= made_in_analytics()


def test_readme_lists_every_view() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    views = {path.stem for path in (ROOT / "sql/views").glob("*.sql")}
    assert not {view for view in views if f"`{view}`" not in readme and f".{view}(" not in readme}


def test_every_fault_of_the_emulator_is_listed_with_its_arguments() -> None:
    page = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
    listed = {
        name: re.findall(r"`(\w+)`", takes) for name, takes in re.findall(r"^\| `(\w+)` \|(.*?)\|", page, re.MULTILINE)
    }
    assert listed == {name: list(signature(make).parameters) for name, make in EFFECTS.items()}
