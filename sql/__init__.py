"""Schema and queries as plain SQL files, and functions that read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def read(name: str) -> str:
    """Read the file ``sql/<name>.sql``. Raises ``FileNotFoundError`` if the installation is incomplete."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def queries() -> Mapping[str, str]:
    """Read every query of ``sql/queries`` by name. Raises ``ValueError`` if two have one name."""
    found: dict[str, str] = {}
    for folder in files(__name__).joinpath("queries").iterdir():
        for file in folder.iterdir():
            _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
            for name, body in zip(parts[::2], parts[1::2], strict=True):
                if name in found:
                    raise ValueError(f"two queries are named {name}")
                found[name] = body.strip()
    return found
