"""Migrations and views as files: their names, order and checksums. Applying them is ``migrate``'s work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import Final

from pipelines.errors import MigrationError

MIGRATION_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
VIEW_NAME: Final = re.compile(r"([a-z0-9_]+)\.sql")

_NOT_CODE: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_PSQL_COMMAND: Final = re.compile(r"^\s*\\\w+", re.MULTILINE)
_TRANSACTION: Final = re.compile(
    r"(?:\A|;)\s*(begin|start\s+transaction|commit|rollback|abort|savepoint)\b", re.IGNORECASE
)
_TABLE_CHANGED: Final = re.compile(r"(?<!references )\bamocrm\.(\w+)")
_TABLE_REFERRED: Final = re.compile(r"\breferences amocrm\.(\w+)")
_VIEW_USED: Final = re.compile(r"\banalytics\.(\w+)")

_PROGRAM_ADVICE: Final = "This is a mistake in the program: install it again, or report it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One step of the schema, applied once and never edited."""

    version: int  # from 1 without gaps
    name: str  # the file's name
    checksum: str
    text: str = field(repr=False)

    @property
    def changed(self) -> frozenset[str]:
        """Tables, and whatever else is in the schema, that it may change, be they there before or not."""
        return frozenset(_TABLE_CHANGED.findall(_code(self.text)))

    @property
    def referred(self) -> frozenset[str]:
        """Tables that its foreign keys refer to."""
        return frozenset(_TABLE_REFERRED.findall(_code(self.text)))


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One view of the schema ``analytics``, made anew whenever its file changes."""

    name: str
    checksum: str
    text: str = field(repr=False)


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """The migrations of a folder in order. Raises ``MigrationError`` unless numbered from 0001 without gaps."""
    migrations = []
    for number, (file, found) in enumerate(_sql_files(folder, MIGRATION_NAME), start=1):
        if int(found[1]) != number:
            raise MigrationError(f"{file.name} should have the number {number:04}.", advice=_PROGRAM_ADVICE)
        text = _text(file)
        migrations.append(Migration(version=number, name=file.name, checksum=_checksum(text), text=text))
    return tuple(migrations)


def read_views(folder: Traversable) -> tuple[View, ...]:
    """The views of a folder, those that others are made of first."""
    views = {}
    for file, found in _sql_files(folder, VIEW_NAME):
        text = _text(file)
        views[found[1]] = View(name=found[1], checksum=_checksum(text), text=text)
    uses = {name: set(_VIEW_USED.findall(_code(view.text))) & (views.keys() - {name}) for name, view in views.items()}
    try:
        return tuple(views[name] for name in TopologicalSorter(uses).static_order())
    except CycleError as error:
        raise MigrationError(
            f"Views use each other in a circle: {', '.join(error.args[1])}.", advice=_PROGRAM_ADVICE
        ) from None


def _sql_files(folder: Traversable, pattern: re.Pattern[str]) -> Iterator[tuple[Traversable, re.Match[str]]]:
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            found = pattern.fullmatch(file.name)
            if not found:
                raise MigrationError(f"{file.name} is not named as it should be.", advice=_PROGRAM_ADVICE)
            yield file, found


def _text(file: Traversable) -> str:
    """The file with the line ends of Unix, whatever the checkout made of them, refused if only psql understands it."""
    text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
    code = _code(text)
    found = _PSQL_COMMAND.search(code) or _TRANSACTION.search(code)
    if found:
        word = found[0].strip(";\n ")
        raise MigrationError(f"{file.name} has '{word}', which does not belong there.", advice=_PROGRAM_ADVICE)
    return text


def _code(text: str) -> str:
    """The SQL without its comments and string literals."""
    return _NOT_CODE.sub("''", text)


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
