"""Parse the file of stages and segments.

Names of fields and options are resolved later, against the account.

All problems of a file are reported with their lines in one ``PlanError``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pipelines.amocrm.messages import EntityKind
from pipelines.writeback.desired import (
    VERSION,
    DesiredConfig,
    DesiredSegment,
    DesiredStage,
    DesiredValue,
    normalize_color,
)
from pipelines.writeback.problems import Problems
from pipelines.writeback.yaml_nodes import Node, YamlList, YamlMapping, YamlText, parse_yaml

T = TypeVar("T")

_KIND_BY_LIST: Final[Mapping[str, EntityKind]] = {"stages": "stage", "segments": "segment"}
_TOP_LEVEL_KEYS: Final = ("version", "account", "complete", *_KIND_BY_LIST)
_ALLOWED_PROPERTIES: Final[Mapping[EntityKind, tuple[str, ...]]] = {
    "stage": ("name", "id", "sort", "color", "delete"),
    "segment": ("name", "id", "color", "price_field_ids", "fields", "delete"),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


def parse_desired(text: str, *, source: str = "segments.yaml") -> DesiredConfig:
    """Parse the file's ``text``; ``source`` is its name. Raises ``PlanError`` with all problems."""
    problems = Problems(source)
    root = parse_yaml(text, problems)
    desired = _ConfigParser(problems).desired(root, source)
    problems.raise_if_any()
    return desired


class _ConfigParser:
    """Converter of YAML nodes to the desired state.

    Invalid nodes are left out and added to ``problems``.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._context = ""  # the entity that is being parsed

    def desired(self, root: Node, source: str) -> DesiredConfig:
        """Convert the document."""
        entries = self._mapping_entries(root, _TOP_LEVEL_KEYS, "the file")
        if not isinstance(version := entries.get("version"), YamlText) or version.text != str(VERSION):
            self._add_problem(version or root, f"the file begins with 'version: {VERSION}', the only one there is")
        lists: dict[str, Any] = {
            name: self._entities(kind, entries[name]) for name, kind in _KIND_BY_LIST.items() if name in entries
        }
        return DesiredConfig(
            source=source,
            account=self._optional("account", entries, self._text),
            complete=self._complete(entries),
            **lists,
        )

    def _complete(self, entries: Mapping[str, Node]) -> frozenset[EntityKind]:
        """Parse 'complete': the kinds of entities of which the file lists all."""
        node = entries.get("complete")
        if node is None:
            return frozenset()
        nodes = node.items if isinstance(node, YamlList) else (node,)
        found = {item.text for item in nodes if isinstance(item, YamlText)}
        if len(nodes) != len(found) or not found <= _KIND_BY_LIST.keys():
            self._add_problem(
                node, "'complete' names lists whose unlisted entities are to be deleted: [segments] or [stages]"
            )
        for name in sorted((found & _KIND_BY_LIST.keys()) - entries.keys()):
            self._add_problem(
                node, f"'complete' names {name}, and the file has no such list: write '{name}: []' to delete all"
            )
        return frozenset(_KIND_BY_LIST[name] for name in found & _KIND_BY_LIST.keys())

    def _entities(self, kind: EntityKind, node: Node) -> tuple[Any, ...]:
        if not isinstance(node, YamlList):
            self._add_problem(node, f"{kind}s are a list, each beginning with '- name: ...'; none are written []")
            return ()
        entities = tuple(self._entity(kind, item) for item in node.items)
        self._context = ""
        return entities

    def _entity(self, kind: EntityKind, node: Node) -> DesiredStage | DesiredSegment:
        """Parse one stage or segment."""
        self._context = f"{kind} {_describe_node(node)}: "
        entries = self._mapping_entries(node, _ALLOWED_PROPERTIES[kind], f"a {kind}")
        common: dict[str, Any] = {
            "id": self._optional("id", entries, self._id),
            "name": self._optional("name", entries, self._name),
            "color": self._optional("color", entries, lambda item: self._color(kind, item)),
            "is_deleted": self._optional("delete", entries, self._boolean) or False,
            "line": node.line,
        }
        if common["is_deleted"] and (more := entries.keys() - {"id", "name", "delete"}):
            self._add_problem(
                node, f"a {kind} to delete needs nothing but its name or id: remove {', '.join(sorted(more))}"
            )
        if kind == "stage":
            return DesiredStage(sort=self._optional("sort", entries, self._integer), **common)
        return DesiredSegment(
            price_field_ids=self._optional("price_field_ids", entries, self._ids),
            values=self._optional("fields", entries, self._values) or (),
            **common,
        )

    def _mapping_entries(self, node: Node, allowed: tuple[str, ...], subject: str) -> dict[str, Node]:
        """Return the entries of a mapping by key; keys must be ``allowed``."""
        if not isinstance(node, YamlMapping):
            self._add_problem(node, f"{subject} is written as 'name: value' lines")
            return {}
        for key, _ in node.entries:
            if key.text not in allowed:
                suggestions = get_close_matches(key.text, allowed, n=1)
                hint = (
                    f"did you mean '{suggestions[0]}'?" if suggestions else f"{subject} can have {', '.join(allowed)}"
                )
                self._add_problem(key, f"'{key.text}' is not known here: {hint}")
        return {key.text: value for key, value in node.entries}

    def _optional(self, name: str, entries: Mapping[str, Node], read: Callable[[Node], T | None]) -> T | None:
        return read(entries[name]) if name in entries else None

    def _text(self, node: Node) -> str | None:
        if isinstance(node, YamlText) and not node.is_null:
            return node.text
        self._add_problem(node, "a text is expected here")
        return None

    def _name(self, node: Node) -> str | None:
        name = self._text(node)
        if name is not None and not name.strip():
            self._add_problem(node, "a name cannot be empty")
        return name

    def _color(self, kind: EntityKind, node: Node) -> str | None:
        if isinstance(node, YamlText) and node.is_null:
            self._add_problem(
                node, "a colour is missing; one that is written with '#' needs quotes, since '#' begins a comment"
            )
            return None
        return normalize_color(kind, self._text(node))

    def _boolean(self, node: Node) -> bool | None:
        if isinstance(node, YamlText) and node.text in ("true", "false"):
            return node.text == "true"
        self._add_problem(node, "write true or false")
        return None

    def _integer(self, node: Node) -> int | None:
        if isinstance(node, YamlText) and _INTEGER.fullmatch(node.text):
            return int(node.text)
        self._add_problem(node, "a whole number is expected here")
        return None

    def _id(self, node: Node) -> int | None:
        if isinstance(node, YamlText) and node.id is not None:
            return node.id
        self._add_problem(node, "an id is a whole number above 0, without quotes")
        return None

    def _ids(self, node: Node) -> tuple[int, ...] | None:
        if isinstance(node, YamlList):
            return tuple(sorted({found for item in node.items if (found := self._id(item)) is not None}))
        self._add_problem(node, "ids are a list, like [288891, 288892]; [] for none")
        return None

    def _values(self, node: Node) -> tuple[DesiredValue, ...]:
        if not isinstance(node, YamlMapping):
            self._add_problem(node, "fields are lines like 'name of the field: value'; null empties a field")
            return ()
        return tuple(found for key, value in node.entries if (found := self._value(key, value)) is not None)

    def _value(self, key: YamlText, node: Node) -> DesiredValue | None:
        texts = node.items if isinstance(node, YamlList) else (node,)
        if isinstance(node, YamlMapping) or not all(isinstance(item, YamlText) for item in texts):
            self._add_problem(
                node, f"field '{key.text}' is given a table or lists in lists: write a value, or a list of values"
            )
            return None
        return DesiredValue(field=key, value=node)

    def _add_problem(self, node: Node, problem: str) -> None:
        self._problems.add(f"{self._context}{problem}", line=node.line)


def _describe_node(node: Node) -> str:
    """Label an entity of the file by its name or id, even if the rest of it is invalid."""
    texts = (
        {key.text: value.text for key, value in node.entries if isinstance(value, YamlText)}
        if isinstance(node, YamlMapping)
        else {}
    )
    return f"'{texts['name']}'" if texts.get("name") else f"id {texts['id']}" if texts.get("id") else "without a name"
