"""YAML as a person wrote it: texts, lists and tables that know their lines. What a text means is decided elsewhere.

PyYAML only splits the file into events. It builds no values, so a number never becomes a float, a date never an
instant, ``no`` never a boolean; and whatever could hide something (repeated keys, anchors, tags) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from pipelines.manage.mistakes import Mistakes

DEEPEST: Final = 10
"""Levels of lists and tables in each other; the file of stages and segments has five."""

_LARGEST_ID: Final = 2**63 - 1

_NULLS: Final = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A single value as written. Quotes matter twice: without them ``null`` is nothing, and digits may be an id."""

    text: str
    is_quoted: bool = False
    line: int | None = field(default=None, compare=False)

    @property
    def is_null(self) -> bool:
        """Whether nothing is written, or null."""
        return not self.is_quoted and self.text in _NULLS

    @property
    def id(self) -> int | None:
        """The id that the text may be: digits without quotes."""
        is_number = not self.is_quoted and self.text.isascii() and self.text.isdecimal() and len(self.text) <= 19
        return int(self.text) if is_number and 0 < int(self.text) <= _LARGEST_ID else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A mapping, in the order written. No key occurs twice."""

    entries: tuple[tuple[Text, Node], ...]
    line: int | None = field(default=None, compare=False)


Node: TypeAlias = Text | Items | Table


def read_nodes(text: str, mistakes: Mistakes) -> Node:
    """The one document of a YAML text. Raises ``PlanError`` where it cannot be read; other mistakes are noted."""
    try:
        return _Reader(text, mistakes).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        mistakes.add(f"the character {code} is not allowed in YAML: remove it", line=line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add(
            f"this is not YAML: {error.problem}. A text with ': ' or ' #' in it, or one that begins with a special "
            "character, has to stand in quotes",
            line=mark.line + 1 if mark else None,
        )
    mistakes.raise_any()
    raise AssertionError("a file that cannot be read has a mistake")


class _Reader:
    """Makes nodes of PyYAML's events."""

    def __init__(self, text: str, mistakes: Mistakes) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._mistakes = mistakes

    def document(self) -> Node:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Text(text="", line=1)
        root = self._node(next(self._events), 1)
        next(self._events)  # the document's end
        if not isinstance(second := next(self._events), yaml.StreamEndEvent):
            self._mistakes.add("a second document begins here: one file holds one", line=_line(second))
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        self._refuse_tricks(event, line)
        if depth > DEEPEST:
            self._mistakes.add(f"more than {DEEPEST} lists and tables in each other", line=line)
            self._mistakes.raise_any()
        match event:
            case yaml.SequenceStartEvent():
                return Items(items=tuple(self._node(inner, depth + 1) for inner in self._until_end()), line=line)
            case yaml.MappingStartEvent():
                return self._table(line, depth)
            case yaml.ScalarEvent():
                return Text(text=event.value, is_quoted=event.style is not None, line=line)
            case _:  # an alias, which is noted
                return Text(text="", line=line)

    def _table(self, line: int, depth: int) -> Table:
        entries: dict[tuple[str, int | None], tuple[Text, Node]] = {}
        for event in self._until_end():
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Text):
                self._mistakes.add("a list or table stands where a name is expected", line=key.line)
            elif (key.text, key.id) in entries:
                first = entries[key.text, key.id][0]
                self._mistakes.add(f"'{key.text}' stands here again; first in line {first.line}", line=key.line)
            else:
                entries[key.text, key.id] = (key, value)
        return Table(entries=tuple(entries.values()), line=line)

    def _until_end(self) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield event

    def _refuse_tricks(self, event: yaml.Event, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._mistakes.add(
                "'&' and '*' let one place stand for another: write the value itself, or in quotes", line=line
            )
        elif getattr(event, "tag", None):
            self._mistakes.add("'!' gives a value a type of its own: leave it out, or write it in quotes", line=line)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
