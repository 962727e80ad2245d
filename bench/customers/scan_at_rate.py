"""Scan the account of the settings at a number of requests a second that users cannot set: for the bench of scans."""

from __future__ import annotations

import sys

from commands.current_settings import load_current_settings
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.warehouse.engine import open_warehouse


def main() -> None:
    """Scan at the given rate."""
    settings = load_current_settings()
    with open_warehouse(settings) as engine:
        scan_customers(LoadContext(engine, settings.accounts[0], settings), rate=float(sys.argv[1]))


if __name__ == "__main__":
    main()
