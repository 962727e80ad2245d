"""Takes guards away, one at a time, in copies of the project, and sees whether what should notice does."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import mkdtemp
from typing import Final, TypeAlias

from faults.mutation.mutant import Mutant, Played, Stale

PROJECT: Final = Path(__file__).parents[2]
LEFT_OUT: Final = shutil.ignore_patterns(".*", "data", "__pycache__")
ALL_SECONDS: Final = 1800.0
"""Within this all that is to notice something has to be played, with every guard in its place."""
SECONDS: Final = 30.0
TIMES_LONGER: Final = 5.0
"""What takes so much longer than with its guard in place, or hangs, is noticed too."""
AT_ONCE: Final = 2

Took: TypeAlias = Mapping[str, float]
"""Seconds by a test's or case's name."""


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

    def first_failure(self, names: Collection[str], *, seconds: float) -> tuple[str | None, Took]:
        """The first of these cases and tests that fails, or None, and how long each took. Raises ``Stale``."""
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps({"names": list(names), "seconds": seconds}), file=self._server.stdin, flush=True)
        answer = json.loads(self._server.stdout.readline())
        if "trouble" in answer:
            raise Stale(f"{', '.join(names)}: cannot be tried.\n{answer['trouble']}")
        return answer["failed"], answer["seconds"]

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


def check(mutants: Sequence[Mutant], tree: Tree) -> Took:
    """See that the list fits the code: every edit is possible, and with all guards in place nothing fails.

    How long each test and case took. Raises ``Stale``, which names all entries that do not fit.
    """
    stale = []
    for mutant in mutants:
        try:
            mutant.applied_to((tree.folder / mutant.file).read_text(encoding="utf-8"))
        except (Stale, FileNotFoundError) as error:
            stale.append(str(error))
    if stale:
        raise Stale("\n".join(stale))
    names = {name for mutant in mutants for name in mutant.noticed_by}
    failed, took = tree.first_failure(names, seconds=ALL_SECONDS)
    if failed:
        raise Stale(f"{failed} fails with all guards in place.")
    return took


def play(mutants: Sequence[Mutant], copies: Sequence[Tree], took: Took) -> Iterator[Played]:
    """What comes of each mutant, in their order; several are tried at the same time.

    Each has as many seconds as follows from how long its tests take with all guards in place.
    """
    free = SimpleQueue[Tree]()
    for tree in copies:
        free.put(tree)

    def one(mutant: Mutant) -> Played:
        tree, began = free.get(), time.monotonic()
        noticed_by = trouble = None
        try:
            with tree.without(mutant):
                noticed_by, _ = tree.first_failure(mutant.noticed_by, seconds=_seconds_for(mutant, took))
        except Stale as error:
            trouble = str(error)
        finally:
            free.put(tree)
        return Played(mutant=mutant, noticed_by=noticed_by, trouble=trouble, seconds=time.monotonic() - began)

    with ThreadPoolExecutor(len(copies)) as threads:
        yield from threads.map(one, mutants)


def _seconds_for(mutant: Mutant, took: Took) -> float:
    """How long what is to notice a mutant may take. A name stands for a file, a test with any parameter, or a case."""
    names = tuple(f"{name}{end}" for name in mutant.noticed_by for end in ("::", "["))
    usual = sum(took[one] for one in took if one in mutant.noticed_by or one.startswith(names))
    return SECONDS + TIMES_LONGER * usual
