"""Fingerprint of the code that parses and diffs, so that caches of another version are not reused."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Final

PARSING_PACKAGES: Final = ("amocrm", "transform")
"""Packages that a snapshot and its changes depend on."""


def fingerprint_code() -> str:
    """Hash those packages' files and Python's version."""
    found = hashlib.sha256(platform.python_version().encode())
    for package in PARSING_PACKAGES:
        for path in sorted((Path(__file__).parents[1] / package).glob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


PARSER_FINGERPRINT: Final = fingerprint_code()
"""Computed at startup: a running process keeps its code if the files are replaced."""
