"""Translation of Superset's dashboard files: titles, descriptions, filters, column names and texts within SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from pipelines.base.language import Language

Translator: TypeAlias = Callable[[str], str]

TEXT_KEYS: Final = frozenset(
    ("dashboard_title", "description", "sliceName", "slice_name", "subheader", "text", "verbose_name")
)
"""Keys whose values people read. Names of metrics, columns and tables are for programs."""

FILTERS: Final = "native_filter_configuration"

SQL_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'")
SQL_TEXT: Final = re.compile(r".*[a-z] [a-z].*|none|now|open")
"""Literal that people read: several words, or one that stands for a missing value."""


def translate_dashboards(source: Path, target: Path, language: Language) -> None:
    """Write the dashboard files of ``source`` to ``target`` in a language."""
    for file in source.rglob("*.yaml"):
        content = translate(yaml.safe_load(file.read_text(encoding="utf-8")), language.catalogue.gettext)
        translated = target / file.relative_to(source)
        translated.parent.mkdir(parents=True, exist_ok=True)
        translated.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


def dashboard_texts(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield each text of the dashboard files, with its file."""
    for file in sorted(source.rglob("*.yaml")):
        texts: dict[str, str] = {}
        translate(yaml.safe_load(file.read_text(encoding="utf-8")), lambda text: texts.setdefault(text, text))  # noqa: B023
        yield from ((file, text) for text in texts)


def translate(content: Any, translator: Translator) -> Any:
    """Translate the texts of a parsed file, also in lists and nested objects."""
    match content:
        case {"table_name": _, "description": str(description), **others}:  # only those who edit the dataset see it
            return {"description": description, **translate(others | {"table_name": content["table_name"]}, translator)}
        case Mapping():
            return {key: _translate_field(key, value, translator) for key, value in content.items()}
        case list():
            return [translate(item, translator) for item in content]
        case _:
            return content


def _translate_field(key: str, value: Any, translator: Translator) -> Any:
    """Translate the value of a key, if it is a text or contains texts."""
    if isinstance(value, str) and value and key in TEXT_KEYS:
        return translator(value)
    if isinstance(value, str) and key == "sql":
        return SQL_LITERAL.sub(lambda match: _translate_literal(match[1].replace("''", "'"), translator), value)
    if key == FILTERS:
        return [{**translate(one, translator), "name": translator(one["name"])} for one in value]
    return translate(value, translator)


def _translate_literal(text: str, translator: Translator) -> str:
    translated = translator(text) if SQL_TEXT.fullmatch(text) else text
    return "'" + translated.replace("'", "''") + "'"
