"""Files of migrations and views: names, order and checksums."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import Final

from pipelines.base.errors import MigrationError

MIGRATION_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
VIEW_NAME: Final = re.compile(r"([a-z0-9_]+)\.sql")

_LIKE: Final = re.compile(r"-- like (\w+):((?:(?: |-- )\S.* for .+\n)+)")
"""Whole content of a view's file that is another view's file with texts replaced, a pair in each line."""

_COMMENT_OR_QUOTED: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_COMMENT_OR_STRING: Final = re.compile(rf"{_COMMENT_OR_QUOTED.pattern}|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_PSQL_COMMAND: Final = re.compile(r"^\s*\\\w+", re.MULTILINE)
_TRANSACTION_COMMAND: Final = re.compile(
    r"(?:\A|;)\s*(begin|start\s+transaction|commit|rollback|abort|savepoint)\b", re.IGNORECASE
)
_CHANGED_TABLE: Final = re.compile(r"(?<!references )\bamocrm\.(\w+)")
_REFERENCED_TABLE: Final = re.compile(r"\breferences amocrm\.(\w+)")
_USED_NAME: Final = re.compile(r"\banalytics\.(\w+)")
_CREATED_FUNCTION: Final = re.compile(r"\bcreate or replace function analytics\.(\w+)")

_REINSTALL_ADVICE: Final = "This is an error in the program: install it again, or report it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One migration, applied once and never edited."""

    version: int  # from 1 without gaps
    name: str  # the file's name
    checksum: str
    text: str = field(repr=False)

    @property
    def changed_relations(self) -> frozenset[str]:
        """Names of tables and other objects of the schema that the migration may create or change."""
        return frozenset(_CHANGED_TABLE.findall(_strip_comments_and_strings(self.text)))

    @property
    def referenced_tables(self) -> frozenset[str]:
        """Names of tables that its foreign keys reference."""
        return frozenset(_REFERENCED_TABLE.findall(_strip_comments_and_strings(self.text)))


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One view of the schema ``analytics``, re-created whenever its file changes."""

    name: str
    checksum: str
    text: str = field(repr=False)


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """Read the migrations of a folder.

    Raises ``MigrationError`` unless they are numbered from 0001 without gaps.
    """
    migrations = []
    for number, (file, match) in enumerate(_list_sql_files(folder, MIGRATION_NAME), start=1):
        if int(match[1]) != number:
            raise MigrationError(f"{file.name} should have the number {number:04}.", advice=_REINSTALL_ADVICE)
        text = _read_sql(file)
        migrations.append(Migration(version=number, name=file.name, checksum=_checksum(text), text=text))
    return tuple(migrations)


def read_views(folder: Traversable) -> tuple[View, ...]:
    """Read the views of a folder, ordered by dependency on views and their functions, always in the same order.

    Views in the bodies of functions count, since Postgres checks a body when it creates the function.
    Raises ``MigrationError`` for a circular dependency.
    """
    texts = {match[1]: _read_sql(file) for file, match in _list_sql_files(folder, VIEW_NAME)}
    for name, text in texts.items():
        if like := _LIKE.fullmatch(text):
            texts[name] = _replace_pairs(texts[like[1]], like[2].splitlines())
    views = {name: View(name=name, checksum=_checksum(text), text=text) for name, text in texts.items()}
    codes = {name: _COMMENT_OR_QUOTED.sub("''", text) for name, text in texts.items()}
    owners = {name: name for name in views} | {
        function: name for name, code in codes.items() for function in _CREATED_FUNCTION.findall(code)
    }
    uses = {
        name: sorted({owners[used] for used in _USED_NAME.findall(code) if used in owners} - {name})
        for name, code in codes.items()
    }
    try:
        return tuple(views[name] for name in TopologicalSorter(uses).static_order())
    except CycleError as error:
        raise MigrationError(
            f"Views depend on each other in a circle: {', '.join(error.args[1])}.", advice=_REINSTALL_ADVICE
        ) from None


def _replace_pairs(text: str, pairs: Iterable[str]) -> str:
    """Replace texts, in order, by pairs like ``-- stage for segment``.

    Raises ``MigrationError`` if a text to replace does not occur.
    """
    for pair in pairs:
        new, _, old = pair.removeprefix("--").strip().partition(" for ")
        if old not in text:
            raise MigrationError(f"A view is like another one that lacks '{old}'.", advice=_REINSTALL_ADVICE)
        text = text.replace(old, new)
    return text


def _list_sql_files(folder: Traversable, pattern: re.Pattern[str]) -> Iterator[tuple[Traversable, re.Match[str]]]:
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            match = pattern.fullmatch(file.name)
            if not match:
                raise MigrationError(f"{file.name} has an invalid name.", advice=_REINSTALL_ADVICE)
            yield file, match


def _read_sql(file: Traversable) -> str:
    """Read an SQL file with Unix line ends.

    Raises ``MigrationError`` for psql commands and transaction control.
    """
    text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
    code = _strip_comments_and_strings(text)
    match = _PSQL_COMMAND.search(code) or _TRANSACTION_COMMAND.search(code)
    if match:
        word = match[0].strip(";\n ")
        raise MigrationError(f"{file.name} has '{word}', which is not allowed there.", advice=_REINSTALL_ADVICE)
    return text


def _strip_comments_and_strings(text: str) -> str:
    """Remove comments and string literals from SQL."""
    return _COMMENT_OR_STRING.sub("''", text)


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
