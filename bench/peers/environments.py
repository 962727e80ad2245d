"""A virtual environment per peer, installed from its lock into the cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".bench"
"""Environments and captured responses; can be deleted at any time."""


def environment(peer: str, cache: Path) -> Path:
    """Return the Python of the peer's environment, re-created if its lock changed."""
    lock = HERE / peer / "requirements.lock"
    folder = cache / peer
    python, state = folder / "bin" / "python", folder / "state"
    wanted = f"{sys.version}\n{hashlib.sha256(lock.read_bytes()).hexdigest()}\n{folder.resolve()}"
    if state.exists() and state.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Making the environment of {peer}, once.", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--python", str(python)]
    subprocess.run(
        [*pip, "install", "-qq", "--require-hashes", "--no-deps", "-r", lock],
        check=True,
        env=os.environ | {"PIP_USER": "0"},
    )
    state.write_text(wanted, encoding="utf-8")
    return python


def versions(peer: str, cache: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of some packages in a peer's environment."""
    site_packages = [str(path) for path in (cache / peer).glob("lib/python*/site-packages")]
    found = {one.metadata["Name"].lower(): one.version for one in distributions(path=site_packages)}
    return {package: found[package] for package in packages}
