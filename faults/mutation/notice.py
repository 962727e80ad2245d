"""Plays cases and tests by name until one fails: what a mutant is put to. A server, so that libraries are loaded once.

It runs in a copy of the project and imports nothing of it. Of each line of its input, which is JSON with ``names`` and
``seconds``, it makes a process of its own that does; the answer is a line with ``failed``, or with ``trouble``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from tempfile import TemporaryFile
from typing import Final

LIBRARIES: Final = ("pytest", "hypothesis", "pandas", "psycopg", "requests", "simplejson", "sqlalchemy", "dagster")
NOTHING_FAILED, FAILED, NOT_TRIED = range(3)


def serve() -> None:
    """Answer until there is nothing more to read."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for library in LIBRARIES:
        import_module(library)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(in_a_child(asked["names"], asked["seconds"])), file=answers, flush=True)


def in_a_child(names: Collection[str], seconds: float) -> dict[str, str | None]:
    """Play in a process that ends with all that it started."""
    with TemporaryFile("w+", encoding="utf-8") as said:
        child = os.fork()
        if child == 0:
            os.setsid()
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            code = NOT_TRIED
            with suppress(BaseException):
                code = played(names)
            os._exit(code)  # a case that hangs has left its thread behind
        has_ended = bool(select.select([os.pidfd_open(child)], [], [], seconds)[0])
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        lines = said.read().strip().splitlines()
    if not has_ended:
        return {"failed": f"no end within {seconds:.0f} seconds"}
    if code == NOTHING_FAILED:
        return {"failed": None}
    return {"failed": lines[-1]} if code == FAILED else {"trouble": "\n".join(lines[-30:])}


def played(names: Collection[str]) -> int:
    """Play what is called so, tests first; the last line said is what failed. A test's name begins with its folder."""
    tests = sorted(name for name in names if name.startswith("tests/"))
    return (_play_tests(tests) if tests else 0) or _play_cases(set(names) - set(tests))


def _play_tests(names: Collection[str]) -> int:
    import pytest  # noqa: PLC0415 - loaded long ago

    class Failures:
        first: str | None = None

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and self.first is None:
                self.first = report.nodeid

    failures = Failures()
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([*options, *names], plugins=[failures])
    if failures.first and code == pytest.ExitCode.TESTS_FAILED:
        with suppress(OSError):  # a test that failed may have left the process unable to write
            print(failures.first, flush=True)
        return FAILED
    return NOTHING_FAILED if code == pytest.ExitCode.OK else NOT_TRIED


def _play_cases(names: Collection[str]) -> int:
    if not names:
        return NOTHING_FAILED
    import faults  # noqa: PLC0415 - of the copy as it is now
    from pipelines.warehouse.address import parse_database_url  # noqa: PLC0415

    chosen = [case for case in faults.cases() if case.name in names]
    if missing := set(names) - {case.name for case in chosen}:
        print(f"There is no case called {', '.join(sorted(missing))}.", flush=True)
        return NOT_TRIED
    server = parse_database_url(os.environ["TEST_DATABASE_URL"])
    failed = faults.run(chosen, is_quick=True, stop_at_first=True, server=server).failed
    if not failed:
        return NOTHING_FAILED
    print(failed[0].case.name, flush=True)
    return FAILED


if __name__ == "__main__":
    serve()
