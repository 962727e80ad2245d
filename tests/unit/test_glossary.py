"""Retired words stay out of identifiers and pages; ``docs/glossary.md`` has the words to use instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipelines", "assets", "commands", "emulator")
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / name / "README.md" for name in ("bench", "faults", "mutation", "sql", "tests")),
    ROOT / ".env.example",
    ROOT / "accounts.example.toml",
]

RETIRED_NAMES = {
    "answer": "response",
    "answers": "responses",
    "anew": "rebuild, re-create",
    "asked": "fetched, requested",
    "conversation": "session",
    "heard": "response",
    "leash": "supervised process",
    "misshapen": "invalid",
    "moments": "timestamps",
    "newest": "latest",
    "news": "alert",
    "oddities": "anomalies",
    "oddity": "anomaly",
    "pace": "rate limit",
    "recall": "cache",
    "said": "response",
    "spelling": "escape",
    "storable": "sanitize",
    "surely": "with retry",
    "tell": "notify, report",
    "told": "notified, sent",
    "trouble": "error",
    "troubles": "errors",
    "unread": "unparsed",
    "untold": "unsent",
    "wish": "desired state",
    "workbench": "warehouse resource",
}
"""Retired words of identifiers, and what to write instead."""

RETIRED_IN_PAGES = RETIRED_NAMES.keys() - {"answer", "asked", "recall", "tell"} | {"whoever"}
"""Words of pages: without those that have another plain meaning there."""

RELEASED = {
    "answers_deleted",  # metadata of the housekeeping run
    "newest_answers",
    "MalformedAnswer",  # stored error kind
    "raw_answer",
    "tell_of_failed_loads",
    "tell_of_loads_that_work_again",
    "tell_of_sizes",
    "told_at",
    "workbench",  # resource key
}
"""Names that were released: tables, columns, ops, sensors, metadata."""

CODE_AND_LINKS = re.compile(
    r"```.*?```|`[^`]*`|<!-- exit codes.*?end of exit codes|<!-- Written by.*?: end -->|\]\([^)]*\)|^    .*?$",
    re.DOTALL | re.MULTILINE,
)
"""Parts of a page that are not prose: code, addresses, and the table made of the errors' docstrings."""


def identifiers(path: Path) -> Iterator[str]:
    """Names that a module defines or binds, as a name of its own too."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def words(identifier: str) -> set[str]:
    """Words of a name in snake or camel case, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)}


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [("RawAnswer", {"raw", "answer"}), ("_is_told_at", {"is", "told", "at"}), ("HTTPNews", {"http", "news"})],
)
def test_words_of_identifiers(identifier: str, expected: set[str]) -> None:
    assert words(identifier) == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_no_identifier_has_a_retired_word(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name} (use {', '.join(RETIRED_NAMES[word] for word in retired)})"
        for path in (ROOT / package).rglob("*.py")
        for name in identifiers(path)
        if name.lower() not in {word.lower() for word in RELEASED}
        and (retired := sorted(words(name) & RETIRED_NAMES.keys()))
    }
    assert not found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_retired_word(page: Path) -> None:
    text = CODE_AND_LINKS.sub("", page.read_text(encoding="utf-8"))
    found = {word.lower() for word in re.findall(r"[A-Za-z_]+", text)}
    assert not sorted(found & RETIRED_IN_PAGES)
