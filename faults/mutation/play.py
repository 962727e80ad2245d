"""Takes guards away, one at a time, in copies of the project, and sees whether what should notice does."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import mkdtemp
from typing import Final

from faults.mutation.mutant import Mutant, Played, Stale

PROJECT: Final = Path(__file__).parents[2]
LEFT_OUT: Final = shutil.ignore_patterns(".*", "data", "__pycache__")
SECONDS: Final = 180.0
"""What hangs for so long without its guard is noticed too."""
AT_ONCE: Final = 2


class Tree:
    """A copy of the project, in which one guard at a time is missing."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        shutil.copytree(PROJECT, folder, ignore=LEFT_OUT)
        compileall.compile_dir(folder, quiet=2)
        self._server = subprocess.Popen(
            [sys.executable, "-P", folder / "faults" / "mutation" / "notice.py"],  # and so nothing of the copy
            cwd=folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("AMOCRM_", "DATABASE_"))},
                "PYTHONPATH": str(folder),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TEST_DATABASE_URL": database_url,
            },
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @contextmanager
    def without(self, mutant: Mutant) -> Iterator[None]:
        """The tree without a guard. Raises ``Stale``."""
        file = self.folder / mutant.file
        before, text = file.stat(), file.read_text(encoding="utf-8")
        file.write_text(mutant.applied_to(text), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(text, encoding="utf-8")
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # so that what was compiled holds again

    def first_failure(self, names: Sequence[str], *, seconds: float) -> str | None:
        """The first of these cases and tests that fails; None where none does. Raises ``Stale`` where it cannot be."""
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps({"names": list(names), "seconds": seconds}), file=self._server.stdin, flush=True)
        answer = json.loads(self._server.stdout.readline())
        if "trouble" in answer:
            raise Stale(f"{', '.join(names)}: cannot be tried.\n{answer['trouble']}")
        failed: str | None = answer["failed"]
        return failed

    def end(self) -> None:
        """Have nothing run in the tree any more."""
        self._server.communicate()


@contextmanager
def trees(database_url: str, count: int = AT_ONCE) -> Iterator[list[Tree]]:
    """Copies of the project, for as long as the context lasts."""
    folder = Path(mkdtemp(prefix="amocrm-warehouse-mutants-"))
    folder.chmod(0o711)  # the database server's user has to pass through it
    try:
        copies = [Tree(folder / str(number), database_url) for number in range(count)]
        yield copies
        for tree in copies:
            tree.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check(mutants: Sequence[Mutant], tree: Tree) -> None:
    """See that the list fits the code: every edit is possible, and with all guards in place nothing fails."""
    for mutant in mutants:
        mutant.applied_to((tree.folder / mutant.file).read_text(encoding="utf-8"))
    names = sorted({name for mutant in mutants for name in mutant.noticed_by})
    if failed := tree.first_failure(names, seconds=10 * SECONDS):
        raise Stale(f"{failed} fails with all guards in place.")


def play(mutants: Sequence[Mutant], copies: Sequence[Tree]) -> Iterator[Played]:
    """What comes of each mutant, in their order; several are tried at the same time."""
    free = SimpleQueue[Tree]()
    for tree in copies:
        free.put(tree)

    def one(mutant: Mutant) -> Played:
        tree, began = free.get(), time.monotonic()
        try:
            with tree.without(mutant):
                noticed_by = tree.first_failure(mutant.noticed_by, seconds=SECONDS)
        finally:
            free.put(tree)
        return Played(mutant=mutant, noticed_by=noticed_by, seconds=time.monotonic() - began)

    with ThreadPoolExecutor(len(copies)) as threads:
        yield from threads.map(one, mutants)
