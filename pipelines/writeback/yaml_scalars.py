"""Format texts as YAML scalars that parse to the same text, unquoted if that is safe.

Also used in terminal output.

Control and direction-changing characters, which a terminal could interpret, are escaped.
"""

from __future__ import annotations

import re
from typing import Final

from pipelines.base.escape import escaped
from pipelines.writeback.yaml_nodes import Node, YamlList, YamlMapping, YamlText

_PLAIN_SCALAR: Final = re.compile(r"[^\W\d_](?:[\w ./()+&%-]*[\w./()+%-])?")
_RESERVED_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))
"""Words that some version of YAML does not parse as text."""

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def to_scalar(node: Node) -> str:
    """Format a text or a list of texts on one line."""
    match node:
        case YamlText() if node.is_quoted:
            return quote_text(node.text)
        case YamlText():
            return node.text
        case YamlList():
            return f"[{', '.join(map(to_scalar, node.items))}]"
        case YamlMapping():
            raise TypeError("a mapping cannot be formatted on one line")


def quote_text(text: str) -> str:
    """Format ``text`` on one line: unquoted if every YAML parser reads it as text, otherwise in double quotes."""
    if _PLAIN_SCALAR.fullmatch(text) and text.casefold() not in _RESERVED_WORDS:
        return text
    return '"' + "".join(_ESCAPES.get(character) or escaped(character) for character in text) + '"'


def block_text(text: str, indent: str) -> str | None:
    """Format a multi-line text as an indented literal block; None if that would not parse to the same text."""
    chomping, body = ("|", text[:-1]) if text.endswith("\n") else ("|-", text)
    lines = body.split("\n")
    is_safe = lines[0] and all(line.isprintable() and line == line.strip(" ") for line in lines) and lines[-1]
    if len(lines) < 2 or not is_safe:
        return None
    return "\n".join([chomping, *(indent + line if line else "" for line in lines)])
