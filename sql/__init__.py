"""What is stored: migrations, statements and views, as plain SQL files. Only the reading of them is Python here."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read(name: str) -> str:
    """Text of the file ``sql/<name>.sql``. A missing file is a mistake of the program: ``FileNotFoundError``."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
