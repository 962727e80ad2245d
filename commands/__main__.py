"""Run the command line by ``python -m commands``, as ``amocrm-warehouse`` does."""

from __future__ import annotations

from commands.cli import main

main()
