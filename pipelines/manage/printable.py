"""Text that a terminal only shows: control characters and marks that turn the writing around are escaped."""

from __future__ import annotations

from typing import Final

_SHORT: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(text: str) -> str:
    """``text`` in one line, with escapes as YAML and Python have them in double quotes."""
    return "".join(map(escaped, text))


def escaped(character: str) -> str:
    """A printable character as it is; any other as its escape."""
    if character.isprintable():
        return character
    code = ord(character)
    long = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT.get(character, long)
