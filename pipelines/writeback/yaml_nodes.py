"""Parse YAML into texts, lists and mappings with line numbers.

PyYAML only splits the file into events and builds no values, so a number never becomes a float, a
date never a timestamp, and ``no`` never a boolean. Repeated keys, anchors and tags are rejected,
since they can hide something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from pipelines.writeback.problems import Problems

MAX_DEPTH: Final = 10
"""Nesting limit of lists and mappings; the file of stages and segments has five levels."""

_MAX_ID: Final = 2**63 - 1

_NULL_TEXTS: Final = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlText:
    """A scalar as written. Only without quotes, ``null`` means empty and digits may be an id."""

    text: str
    is_quoted: bool = False
    line: int | None = field(default=None, compare=False)

    @property
    def is_null(self) -> bool:
        """True for an empty or null scalar without quotes."""
        return not self.is_quoted and self.text in _NULL_TEXTS

    @property
    def id(self) -> int | None:
        """The text as an id, if it is unquoted digits; else None."""
        is_number = not self.is_quoted and self.text.isascii() and self.text.isdecimal() and len(self.text) <= 19
        return int(self.text) if is_number and 0 < int(self.text) <= _MAX_ID else None


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlList:
    """A list."""

    items: tuple[Node, ...]
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlMapping:
    """A mapping, in the order written. No key occurs twice."""

    entries: tuple[tuple[YamlText, Node], ...]
    line: int | None = field(default=None, compare=False)


Node: TypeAlias = YamlText | YamlList | YamlMapping


def parse_yaml(text: str, problems: Problems) -> Node:
    """Parse a YAML text with one document.

    Raises ``PlanError`` if it is not YAML; collects other problems.
    """
    try:
        return _NodeParser(text, problems).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        problems.add(f"the character {code} is not allowed in YAML: remove it", line=line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(
            f"this is not YAML: {error.problem}. A text with ': ' or ' #' in it, or one that begins with a special "
            "character, must be quoted",
            line=mark.line + 1 if mark else None,
        )
    problems.raise_if_any()
    raise AssertionError("an unreadable file has a problem")


class _NodeParser:
    """Builder of nodes from PyYAML's events."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._problems = problems

    def document(self) -> Node:
        """Parse the only document of the stream; an empty stream is an empty text."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return YamlText(text="", line=1)
        root = self._node(next(self._events), 1)
        next(self._events)  # the document's end
        if not isinstance(second := next(self._events), yaml.StreamEndEvent):
            self._problems.add("a second document begins here: one file holds one", line=_line_of(second))
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        """Parse the node that an event begins, reading its children's events."""
        line = _line_of(event)
        self._reject_aliases_and_tags(event, line)
        if depth > MAX_DEPTH:
            self._problems.add(f"more than {MAX_DEPTH} lists and tables in each other", line=line)
            self._problems.raise_if_any()
        match event:
            case yaml.SequenceStartEvent():
                return YamlList(items=tuple(self._node(inner, depth + 1) for inner in self._child_events()), line=line)
            case yaml.MappingStartEvent():
                return self._mapping(line, depth)
            case yaml.ScalarEvent():
                return YamlText(text=event.value, is_quoted=event.style is not None, line=line)
            case _:  # an alias, already added to the problems
                return YamlText(text="", line=line)

    def _mapping(self, line: int, depth: int) -> YamlMapping:
        """Parse a mapping up to its end; report keys that are not texts or repeat."""
        entries: dict[tuple[str, int | None], tuple[YamlText, Node]] = {}
        for event in self._child_events():
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, YamlText):
                self._problems.add("a list or table stands where a name is expected", line=key.line)
            elif (key.text, key.id) in entries:
                first = entries[key.text, key.id][0]
                self._problems.add(f"'{key.text}' stands here again; first in line {first.line}", line=key.line)
            else:
                entries[key.text, key.id] = (key, value)
        return YamlMapping(entries=tuple(entries.values()), line=line)

    def _child_events(self) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield event

    def _reject_aliases_and_tags(self, event: yaml.Event, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._problems.add(
                "'&' and '*' let one place stand for another: write the value itself, or in quotes", line=line
            )
        elif getattr(event, "tag", None):
            self._problems.add("'!' gives a value a type of its own: leave it out, or write it in quotes", line=line)


def _line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
