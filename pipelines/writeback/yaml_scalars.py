"""Texts as YAML that reads back as the same text, plain where that is safe. People are shown names and values so, too.

Whatever a terminal could take for more than text (control characters, marks that turn the writing around) is escaped.
"""

from __future__ import annotations

import re
from typing import Final

from pipelines.base.escape import escaped
from pipelines.writeback.yaml_nodes import Node, YamlList, YamlMapping, YamlText

_PLAIN_SCALAR: Final = re.compile(r"[^\W\d_](?:[\w ./()+&%-]*[\w./()+%-])?")
_RESERVED_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))
"""Words that YAML, in one version or another, takes for something else than text."""

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def to_scalar(node: Node) -> str:
    """A text, or a list of texts, on one line."""
    match node:
        case YamlText() if node.is_quoted:
            return quote_text(node.text)
        case YamlText():
            return node.text
        case YamlList():
            return f"[{', '.join(map(to_scalar, node.items))}]"
        case YamlMapping():
            raise TypeError("a table has no spelling on one line")


def quote_text(text: str) -> str:
    """``text`` on one line: plain where no YAML reader could take it for something else, otherwise in double quotes."""
    if _PLAIN_SCALAR.fullmatch(text) and text.casefold() not in _RESERVED_WORDS:
        return text
    return '"' + "".join(_ESCAPES.get(character) or escaped(character) for character in text) + '"'


def block_text(text: str, indent: str) -> str | None:
    """A text of several lines as YAML's literal block, indented; None where it would not read back as ``text``."""
    chomping, body = ("|", text[:-1]) if text.endswith("\n") else ("|-", text)
    lines = body.split("\n")
    is_safe = lines[0] and all(line.isprintable() and line == line.strip(" ") for line in lines) and lines[-1]
    if len(lines) < 2 or not is_safe:
        return None
    return "\n".join([chomping, *(indent + line if line else "" for line in lines)])
