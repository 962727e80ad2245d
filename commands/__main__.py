"""``python -m commands``: the same as ``amocrm-warehouse``."""

from __future__ import annotations

from commands.cli import main

main()
