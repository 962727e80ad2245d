"""Plays cases and tests by name until one fails: what a mutant is put to. A server, so that libraries are loaded once.

It runs in a copy of the project and imports nothing of it. Of each line of its input, which is JSON with ``names`` and
``seconds``, it makes a process of its own that does; the answer is a line with ``failed`` and ``seconds`` (of each test
and case by its name), or with ``trouble``.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import traceback
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from tempfile import TemporaryFile
from typing import Any, Final

LIBRARIES: Final = ("pytest", "hypothesis", "pandas", "psycopg", "requests", "simplejson", "sqlalchemy", "dagster")
TRIED, NOT_TRIED = range(2)


class CannotBeTried(Exception):
    """A name that is nobody's, or tests that cannot even be collected. Why is what was said before."""


def serve() -> None:
    """Answer until there is nothing more to read."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for library in LIBRARIES:
        import_module(library)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(in_a_child(asked["names"], asked["seconds"])), file=answers, flush=True)


def in_a_child(names: Collection[str], seconds: float) -> dict[str, Any]:
    """Play in a process that ends with all that it started."""
    with TemporaryFile("w+", encoding="utf-8") as said:
        child = os.fork()
        if child == 0:
            os.setsid()
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            code = NOT_TRIED
            try:
                found = played(names)
                limit_no_files()
                os.write(said.fileno(), f"\n{json.dumps(found)}".encode())
                code = TRIED
            except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
                os.write(said.fileno(), traceback.format_exc().encode())
            finally:
                os._exit(code)  # a case that hangs has left its thread behind
        has_ended = bool(select.select([os.pidfd_open(child)], [], [], seconds)[0])
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        lines = said.read().strip().splitlines()
    if not has_ended:
        return {"failed": f"no end within {seconds:.0f} seconds", "seconds": {}}
    answer: dict[str, Any] = json.loads(lines[-1]) if code == TRIED else {"trouble": "\n".join(lines[-30:])}
    return answer


def limit_no_files() -> None:
    """Have files grow as they may: a test that failed may have left its process unable to write."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def played(names: Collection[str]) -> dict[str, Any]:
    """Play what is called so, tests first, until one fails. A test's name begins with its folder."""
    tests = sorted(name for name in names if name.startswith("tests/"))
    seconds: defaultdict[str, float] = defaultdict(float)
    failed = (_play_tests(tests, seconds) if tests else None) or _play_cases(set(names) - set(tests), seconds)
    return {"failed": failed, "seconds": seconds}


def _play_tests(names: Collection[str], seconds: defaultdict[str, float]) -> str | None:
    import pytest  # noqa: PLC0415 - loaded long ago

    class Failures:
        first: str | None = None

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            seconds[report.nodeid] += report.duration
            if report.failed and self.first is None:
                self.first = report.nodeid

    failures, code = Failures(), None
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    try:
        code = pytest.main([*options, *names], plugins=[failures])
    except Exception:
        if failures.first is None:
            raise  # else the test that failed has left behind what pytest cannot end well with
    if code == pytest.ExitCode.OK or (failures.first and code in (None, pytest.ExitCode.TESTS_FAILED)):
        return failures.first
    raise CannotBeTried


def _play_cases(names: Collection[str], seconds: defaultdict[str, float]) -> str | None:
    if not names:
        return None
    import faults  # noqa: PLC0415 - of the copy as it is now
    from pipelines.warehouse.address import parse_database_url  # noqa: PLC0415

    chosen = [case for case in faults.cases() if case.name in names]
    if missing := set(names) - {case.name for case in chosen}:
        print(f"There is no case called {', '.join(sorted(missing))}.", flush=True)
        raise CannotBeTried
    server = parse_database_url(os.environ["TEST_DATABASE_URL"])
    scorecard = faults.run(chosen, is_quick=True, stop_at_first=True, server=server)
    seconds.update({one.case.name: one.seconds for one in scorecard.results})
    return scorecard.failed[0].case.name if scorecard.failed else None


if __name__ == "__main__":
    serve()
