"""Which code reads answers and decides what they change, so that what other code has read is not taken for its own."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Final

PARSING_PACKAGES: Final = ("amocrm", "transform")
"""The packages that a snapshot and what it changes depend on."""


def fingerprint_code() -> str:
    """A hash of that code, as its files are now, and of Python's version."""
    found = hashlib.sha256(platform.python_version().encode())
    for package in PARSING_PACKAGES:
        for path in sorted((Path(__file__).parents[1] / package).glob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


PARSER_FINGERPRINT: Final = fingerprint_code()
"""Taken as the program starts: should its files be replaced while it runs, it still reads as they were."""
