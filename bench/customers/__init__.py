"""Measure scans of customers: time and memory, a year of stays on disk, views, and loads beside scans.

Run it from the project's folder: ``python -m bench customers``. Each part prints tables:

- ``scan``: the command as a process, against the emulator in another one, into a durable Postgres;
- ``year``: a year of daily scans, written by the statements that publish one; then each view's usual question;
- ``night``: loads of a fleet while its customers are scanned, simulated with the real rate limiters.
"""

from __future__ import annotations

import argparse

from bench.customers.night import night
from bench.customers.readme import measure
from bench.customers.scan import scans
from bench.customers.year import year

PARTS = ("scan", "year", "night")


def main() -> None:
    """Run the parts, print their tables, and write them into the page if wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000], help="how many are scanned")
    parser.add_argument("--days", type=int, default=365, help="daily scans of the year, of the largest number of them")
    parser.add_argument("--write-readme", action="store_true", help="put each table into bench/README.md when it ends")
    arguments = parser.parse_args()
    parts = {
        "scan": lambda: scans(arguments.customers),
        "year": lambda: year(max(arguments.customers), arguments.days),
        "night": night,
    }
    for part in arguments.parts:
        measure(parts[part](), writes=arguments.write_readme)


if __name__ == "__main__":
    main()
