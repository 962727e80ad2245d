"""The file of stages and segments, read. No account is needed: names, options and types of values are looked up later.

Every mistake in the file is reported, with its line, in one ``PlanError``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pipelines.amocrm.messages import Kind
from pipelines.manage.desired import VERSION, Desired, DesiredSegment, DesiredStage, DesiredValue, color
from pipelines.manage.mistakes import Mistakes
from pipelines.manage.nodes import Items, Node, Table, Text, read_nodes

T = TypeVar("T")

_LISTS: Final[Mapping[str, Kind]] = {"stages": "stage", "segments": "segment"}
_TOP: Final = ("version", "account", "complete", *_LISTS)
_PROPERTIES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "stage": ("name", "id", "sort", "color", "delete"),
    "segment": ("name", "id", "color", "price_field_ids", "fields", "delete"),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


def read_desired(text: str, *, source: str = "segments.yaml") -> Desired:
    """What the file's ``text`` wants; ``source`` is its name. Raises ``PlanError`` with all its mistakes."""
    mistakes = Mistakes(source)
    root = read_nodes(text, mistakes)
    desired = _Reader(mistakes).desired(root, source)
    mistakes.raise_any()
    return desired


class _Reader:
    """Turns nodes into what is wanted. What cannot be used is noted and left out."""

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._about = ""  # the thing that is being read

    def desired(self, root: Node, source: str) -> Desired:
        entries = self._entries(root, _TOP, "the file")
        if not isinstance(version := entries.get("version"), Text) or version.text != str(VERSION):
            self._wrong(version or root, f"the file begins with 'version: {VERSION}', the only one there is")
        given: dict[str, Any] = {
            name: self._things(kind, entries[name]) for name, kind in _LISTS.items() if name in entries
        }
        return Desired(
            source=source,
            account=self._one("account", entries, self._text),
            complete=self._complete(entries),
            **given,
        )

    def _complete(self, entries: Mapping[str, Node]) -> frozenset[Kind]:
        node = entries.get("complete")
        if node is None:
            return frozenset()
        named = node.items if isinstance(node, Items) else (node,)
        found = {one.text for one in named if isinstance(one, Text)}
        if len(named) != len(found) or not found <= _LISTS.keys():
            self._wrong(node, "'complete' names lists whose unlisted things are to be deleted: [segments] or [stages]")
        for name in sorted((found & _LISTS.keys()) - entries.keys()):
            self._wrong(
                node, f"'complete' names {name}, and the file has no such list: write '{name}: []' to delete all"
            )
        return frozenset(_LISTS[name] for name in found & _LISTS.keys())

    def _things(self, kind: Kind, node: Node) -> tuple[Any, ...]:
        if not isinstance(node, Items):
            self._wrong(node, f"{kind}s are a list, each beginning with '- name: ...'; none are written []")
            return ()
        things = tuple(self._thing(kind, one) for one in node.items)
        self._about = ""
        return things

    def _thing(self, kind: Kind, node: Node) -> DesiredStage | DesiredSegment:
        self._about = f"{kind} {_shown(node)}: "
        entries = self._entries(node, _PROPERTIES[kind], f"a {kind}")
        common: dict[str, Any] = {
            "id": self._one("id", entries, self._id),
            "name": self._one("name", entries, self._name),
            "color": self._one("color", entries, lambda one: self._color(kind, one)),
            "is_deleted": self._one("delete", entries, self._boolean) or False,
            "line": node.line,
        }
        if common["is_deleted"] and (more := entries.keys() - {"id", "name", "delete"}):
            self._wrong(node, f"a {kind} to delete needs nothing but its name or id: remove {', '.join(sorted(more))}")
        if kind == "stage":
            return DesiredStage(sort=self._one("sort", entries, self._integer), **common)
        return DesiredSegment(
            price_field_ids=self._one("price_field_ids", entries, self._ids),
            values=self._one("fields", entries, self._values) or (),
            **common,
        )

    def _entries(self, node: Node, known: tuple[str, ...], about: str) -> dict[str, Node]:
        """The entries of a table by their names, which must be ``known``."""
        if not isinstance(node, Table):
            self._wrong(node, f"{about} is written as 'name: value' lines")
            return {}
        for key, _ in node.entries:
            if key.text not in known:
                meant = get_close_matches(key.text, known, n=1)
                hint = f"did you mean '{meant[0]}'?" if meant else f"{about} can have {', '.join(known)}"
                self._wrong(key, f"'{key.text}' is not known here: {hint}")
        return {key.text: value for key, value in node.entries}

    def _one(self, name: str, entries: Mapping[str, Node], read: Callable[[Node], T | None]) -> T | None:
        return read(entries[name]) if name in entries else None

    def _text(self, node: Node) -> str | None:
        if isinstance(node, Text) and not node.is_null:
            return node.text
        self._wrong(node, "a text is expected here")
        return None

    def _name(self, node: Node) -> str | None:
        name = self._text(node)
        if name is not None and not name.strip():
            self._wrong(node, "a name cannot be empty")
        return name

    def _color(self, kind: Kind, node: Node) -> str | None:
        if isinstance(node, Text) and node.is_null:
            self._wrong(
                node, "a colour is missing; one that is written with '#' needs quotes, since '#' begins a comment"
            )
            return None
        return color(kind, self._text(node))

    def _boolean(self, node: Node) -> bool | None:
        if isinstance(node, Text) and node.text in ("true", "false"):
            return node.text == "true"
        self._wrong(node, "write true or false")
        return None

    def _integer(self, node: Node) -> int | None:
        if isinstance(node, Text) and _INTEGER.fullmatch(node.text):
            return int(node.text)
        self._wrong(node, "a whole number is expected here")
        return None

    def _id(self, node: Node) -> int | None:
        if isinstance(node, Text) and node.id is not None:
            return node.id
        self._wrong(node, "an id is a whole number above 0, without quotes")
        return None

    def _ids(self, node: Node) -> tuple[int, ...] | None:
        if isinstance(node, Items):
            return tuple(sorted({found for one in node.items if (found := self._id(one)) is not None}))
        self._wrong(node, "ids are a list, like [288891, 288892]; [] for none")
        return None

    def _values(self, node: Node) -> tuple[DesiredValue, ...]:
        if not isinstance(node, Table):
            self._wrong(node, "fields are lines like 'name of the field: value'; null empties a field")
            return ()
        return tuple(found for key, value in node.entries if (found := self._value(key, value)) is not None)

    def _value(self, key: Text, node: Node) -> DesiredValue | None:
        texts = node.items if isinstance(node, Items) else (node,)
        if isinstance(node, Table) or not all(isinstance(one, Text) for one in texts):
            self._wrong(
                node, f"field '{key.text}' is given a table or lists in lists: write a value, or a list of values"
            )
            return None
        return DesiredValue(field=key, value=node)

    def _wrong(self, node: Node, what: str) -> None:
        self._mistakes.add(f"{self._about}{what}", line=node.line)


def _shown(node: Node) -> str:
    """What a person calls a thing of the file, however wrong the rest of it is."""
    texts = (
        {key.text: value.text for key, value in node.entries if isinstance(value, Text)}
        if isinstance(node, Table)
        else {}
    )
    return f"'{texts['name']}'" if texts.get("name") else f"id {texts['id']}" if texts.get("id") else "without a name"
