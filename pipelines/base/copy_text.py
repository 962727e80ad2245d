"""Text format of COPY: one line per row, values separated by tabs."""

from __future__ import annotations

import re
from typing import Final

NULL: Final = r"\N"

_ESCAPES: Final = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_NEEDS_ESCAPE: Final = re.compile(r"[\\\t\n\r]")


def escape(text: str) -> str:
    """Escape a value."""
    return _NEEDS_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text) if _NEEDS_ESCAPE.search(text) else text
