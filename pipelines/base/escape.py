"""Escaping of control characters and bidirectional marks, so that a terminal only shows text."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

_SHORT: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(text: str) -> str:
    """Return ``text`` on one line, with the escapes of double-quoted YAML and Python strings."""
    return "".join(map(escaped, text))


def printable_lines(text: str) -> str:
    """Return ``text`` with everything escaped that is not printable, a line end or a space."""
    return text if text.isprintable() else "".join(map(_escaped_in_lines, text))


def _escaped_in_lines(character: str) -> str:
    is_kept = character == "\n" or unicodedata.category(character) == "Zs"
    return character if is_kept else escaped(character)


def printable_json(text: str) -> str:
    """Return a JSON document with everything escaped that is not printable.

    In JSON that occurs in strings only.
    """
    return text if text.isprintable() else "".join(map(_escaped_in_json, text))


def _escaped_in_json(character: str) -> str:
    if character == "\n" or unicodedata.category(character) == "Zs" or character.isprintable():
        return character
    return json.dumps(character)[1:-1] if character > "\x7f" else f"\\u{ord(character):04x}"


def escaped(character: str) -> str:
    """Return a printable character as it is, any other as its escape."""
    if character.isprintable():
        return character
    code = ord(character)
    long = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT.get(character, long)
