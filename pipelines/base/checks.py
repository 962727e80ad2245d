"""Type and character checks that the standard library lacks."""

from __future__ import annotations

import re
from typing import Any, TypeGuard

_VISIBLE_ASCII = re.compile(r"[!-~]+")


def is_integer(value: Any) -> TypeGuard[int]:
    """Return True for integers other than booleans, which Python counts among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_visible_ascii(text: str) -> bool:
    """Return True for a text of printable ASCII characters without spaces, such as a token."""
    return _VISIBLE_ASCII.fullmatch(text) is not None
