"""The program as a process with its own environment."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from commands.cli import main
from faults.killing import PRELOADED, PROCESSES

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 180
INHERITED_VARIABLES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "AMOCRM_PG_BIN")


def build_environment(**more: str) -> dict[str, str]:
    """Environment without the tester's settings, plus ``more``."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "LANG": "C.UTF-8"} | more


def command_line(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "commands", *arguments]


PROCESSES.set_forkserver_preload([*PRELOADED, *(f"commands.{name}" for name in ("auth", "doctor", "migrate", "sync"))])


def run(
    *arguments: str, folder: Path, typed: str = "", umask: str = "0o022", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``, in a process that has imported its modules already: that saves half a second."""
    with tempfile.TemporaryDirectory() as streams:
        files = [Path(streams) / name for name in ("input", "output", "error")]
        files[0].write_text(typed, encoding="utf-8")
        process = PROCESSES.Process(
            target=_run_main, args=(arguments, folder, build_environment(**variables), int(umask, 8), files)
        )
        process.start()
        process.join(TIMEOUT_SECONDS)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(arguments, TIMEOUT_SECONDS)
        assert process.exitcode is not None
        output, error = (path.read_text(encoding="utf-8") for path in files[1:])
        return subprocess.CompletedProcess(arguments, process.exitcode, output, error)


def _run_main(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], umask: int, files: Sequence[Path]
) -> None:
    """Become the program: its arguments, folder, environment and standard streams."""
    for number, path in enumerate(files):
        descriptor = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the process ends
        for number, mode in enumerate(("r", "w", "w"))
    )
    os.umask(umask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["amocrm-warehouse", *arguments]
    main()


def free_port() -> int:
    """A port that nobody listens on, below those that Linux gives to outgoing connections in the meantime."""
    for port in random.SystemRandom().sample(range(12_000, 20_000), k=100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def running_processes(folder: Path) -> list[str]:
    """Command lines of running processes that name the folder."""
    process_list = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in process_list.splitlines() if str(folder) in line]
