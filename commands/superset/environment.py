"""Python environment of Superset, with packages from its own lock."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from pipelines.base.atomic_file import write_file
from pipelines.base.bounded_file import read_text
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.private_path import open_log

PYTHONS: Final = ("python3.12", "python3.11")
VERSION_CHECK: Final = "import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))"
PIP: Final = ("-m", "pip", "--no-input", "--disable-pip-version-check", "--quiet")


def prepare_environment(folder: Path, lock: Path) -> Path:
    """Return the Python of the environment in ``folder``; create the environment if it does not match the lock.

    Raises ``SettingsError`` if no supported Python is found, and ``WarehouseError`` if pip fails.
    """
    environment, state = folder / "environment", folder / "environment.lock"
    python = environment / "bin" / "python"
    fingerprint = f"{environment.absolute()} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if python.exists() and state.exists() and read_text(state) == fingerprint:
        return python
    base = find_python()
    click.echo(f"Installing Superset in {environment}, once. This takes some minutes and 0.8 GB.", err=True)
    state.unlink(missing_ok=True)
    shutil.rmtree(environment, ignore_errors=True)
    log = folder / "setup.log"
    with open_log(log) as output:
        for step in (
            # Debian's venv lacks ensurepip, so our own pip installs into the environment.
            (base, "-m", "venv", "--without-pip", environment),
            (sys.executable, *PIP, "--python", python, "install", "--require-hashes", "--no-deps", "-r", lock),
        ):
            completed = subprocess.run(
                step, check=False, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"PIP_USER": "0"}
            )
            if completed.returncode:
                raise WarehouseError(
                    "Superset could not be installed.",
                    advice=f"See {log}. Check the network, then run the same command again.",
                )
    write_file(state, fingerprint.encode())
    return python


def find_python() -> str:
    """Return a Python that Superset supports: the current one, or another on the PATH."""
    for name in python_candidates():
        with subprocess.Popen(
            [name, "-c", VERSION_CHECK], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            if process.wait() == 0:
                return name
    raise SettingsError(
        "Superset needs Python 3.11 or 3.12, but none is on the PATH.",
        advice="Install one of them, or set its path: PYTHON=/path/to/python3.12 ./run superset",
    )


def python_candidates() -> Iterator[str]:
    """Yield Pythons to try, the user's choice first."""
    for name in (os.environ.get("PYTHON"), sys.executable, *PYTHONS):
        found = shutil.which(name) if name else None
        if found:
            yield found
