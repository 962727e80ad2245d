"""Compare our loads with dlt, pandas, dbt and Singer: same responses, same Postgres (``./run bench peers``).

Every load is a whole process, from its start to its end, and what it stored is compared with what the answers held:
wrong data do not count. Tools take turns within a case, so that what else the machine does falls on all of them.
``bench/README.md`` says what is compared with what, and how fair that is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Final

from bench.peers import report, server
from bench.peers.environments import CACHE
from bench.peers.figures import CASES, Figure, Measured
from bench.peers.machine import machine
from bench.peers.payloads import captured
from bench.peers.race import Race
from bench.peers.tool import Tool, legend
from bench.peers.tools import TOOLS
from faults.superuser import run_as_superuser
from pipelines.embedded_postgres.cluster import ROLE
from pipelines.embedded_postgres.server import EmbeddedServer, embedded_postgres

README: Final = Path(__file__).parents[1] / "README.md"
FEW: Final = 100
"""Up to so many accounts all tools take part; with more only the quick ones, so that a run ends within an hour."""

QUICK: Final = ("ours", "dlt-scd2-arrow", "dlt-arrow", "pandas-copy", "read", "copy")


def main() -> None:
    """Measure and print tables; with ``--tables``, write the tables of earlier measurements."""
    options = read_options()
    if options.tables:
        report.write_into(README, [Measured.read(file) for file in options.tables])
        return
    ends = time.monotonic() + options.minutes * 60
    payloads = captured(CACHE, max(options.accounts))
    figures: dict[tuple[int, str, str], Figure] = {}
    with tempfile.TemporaryDirectory() as temporary, answering(payloads) as port:
        folder = Path(temporary)
        folder.chmod(0o755)
        with checkpointing_postgres(folder / "postgres") as postgres:
            facts = machine(postgres.url)
            tools = [legend(tool, CACHE) for tool in options.tools or TOOLS]
            for number, accounts in product(range(options.runs), options.accounts):
                race = Race(
                    folder=folder,
                    postgres=postgres,
                    payloads=payloads,
                    port=port,
                    accounts=accounts,
                    number=number,
                    ends=ends,
                    limit=options.limit,
                    figures=figures,
                )
                race.run(options.tools or default_tools(accounts), options.cases)
                now = {"load average after": f"{os.getloadavg()[0]:.1f}"}
                measured = Measured(facts=facts | now, tools=tools, figures=list(figures.values()))
                if options.json:
                    measured.write(options.json)
    print(report.markdown([measured]))
    if options.write_readme:
        report.write_into(README, [measured])


def read_options() -> argparse.Namespace:
    """Parse the command line."""
    by_name = {tool.name: tool for tool in TOOLS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=comma(int), default=[1, 100], help="numbers of accounts (default: 1,100)")
    parser.add_argument(
        "--tools",
        type=comma(by_name.__getitem__),
        help=f"{', '.join(by_name)} (default: all; with more than {FEW} accounts {', '.join(QUICK)})",
    )
    parser.add_argument("--cases", type=comma(str), default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--runs", type=int, default=1, help="whole passes, each with new databases (default: 1)")
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds after which a load is given up (default: 300)"
    )
    parser.add_argument("--minutes", type=float, default=60, help="maximum duration (default: 60)")
    parser.add_argument("--json", type=Path, help="write every run into this file")
    parser.add_argument("--write-readme", action="store_true", help="put the tables into bench/README.md at the end")
    parser.add_argument(
        "--tables", type=Path, nargs="+", help="measure nothing: put what such files hold into bench/README.md"
    )
    return parser.parse_args()


def default_tools(accounts: int) -> list[Tool]:
    """Tools that take part with so many accounts."""
    return [tool for tool in TOOLS if accounts <= FEW or tool.name in QUICK]


def comma(kind: Callable[[str], object]) -> Callable[[str], list[object]]:
    """Make a parser of comma-separated lists."""
    return lambda text: [kind(part) for part in text.split(",")]


@contextmanager
def checkpointing_postgres(root: Path) -> Iterator[EmbeddedServer]:
    """Run a durable server whose role may run checkpoints, which the warehouse's own may not."""
    with embedded_postgres(root):
        pass
    run_as_superuser(root, f"grant pg_checkpoint to {ROLE};", binaries=None)
    with embedded_postgres(root) as postgres:
        yield postgres


@contextmanager
def answering(payloads: Path) -> Iterator[int]:
    """Serve all accounts from a separate process, and yield its port."""
    command = [sys.executable, server.__file__, str(payloads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
