"""Description of the machine and the time of measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench.peers.environments import HERE


def machine(url: str) -> dict[str, str]:
    """Machine, software and load average."""
    with psycopg.connect(url) as connection:
        [(postgres,)] = connection.execute("show server_version").fetchall()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}",
        "on": f"{os.cpu_count()} cores of {processor()}, {memory_gigabytes():.0f} GB, {platform.platform()}",
        "with": f"Python {platform.python_version()}, PostgreSQL {postgres}",
        "load average before": f"{os.getloadavg()[0]:.1f}",
    }


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gigabytes() -> float:
    """The machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
