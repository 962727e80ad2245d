"""Files that commands read beside the code: in the repository, or in the wheel's package (hatch_build.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_FOLDER: Final = Path(__file__).parents[1]
"""Folder of the packages, with ``docs/dashboards``, ``.env.example`` and ``accounts.example.toml``."""
