"""``./run mutate``: change modules one place at a time, run the tests near them, and count the changes they notice.

mutmut makes the mutants and runs the tests. It works in a copy of the project in ``data/mutation``, which stays there
so that survivors can be read. Exits with 1 if mutmut fails, never because of a survivor.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from pipelines.embedded_postgres.server import embedded_postgres

PROJECT: Final = Path(__file__).parents[1]
COPY: Final = PROJECT / "data" / "mutation"
SOURCES: Final = "pipelines"
NOTICED: Final = ("killed", "timeout", "segfault", "suspicious")
"""mutmut's words for a mutant that made a test fail, hang or crash."""

UNNOTICED: Final = ("survived", "no tests")
RESULT: Final = re.compile(r"^ *([\w.ǁ]+): ([\w ]+)$", re.MULTILINE)
"""A line of ``mutmut results``: a mutant and its status."""


def main() -> int:
    """Measure the modules that the command line names and print a table."""
    arguments = _arguments()
    modules = arguments.module
    tests = arguments.tests or sorted({test for module in modules for test in tests_near(module)})
    if not tests:
        print(f"No test imports {', '.join(map(str, modules))}. Name the tests with --tests.", file=sys.stderr)
        return 2
    print(f"Tests: {' '.join(map(str, tests))}", flush=True)
    copy_project(COPY)
    (COPY / "setup.cfg").write_text(configuration(modules, tests), encoding="utf-8")
    with _database_server() as url:
        variables = os.environ | {"TEST_DATABASE_URL": url}
        chosen: list[str] = []
        if arguments.sample:
            _mutmut("run", "none", variables=variables, is_captured=True)  # creates the mutants, finds none to test
            chosen = sample(_mutmut("results", "--all", "true", is_captured=True).stdout, arguments.sample)
        is_terminal = sys.stdout.isatty()  # elsewhere mutmut's counter would be one line of 50 kB
        command = ["run", "--max-children", str(arguments.jobs), *chosen]
        run = _mutmut(*command, variables=variables, is_captured=not is_terminal)
        if run.returncode:
            print(run.stdout or "", file=sys.stderr)
            return 1
    results = _mutmut("results", "--all", "true", is_captured=True).stdout
    for line in table(counts(results)):
        print(line)
    print(f"Survivors: cd {COPY} && PYTHONPATH={os.environ.get('PYTHONPATH', '')} {sys.executable} -m mutmut browse")
    return 0


def tests_near(module: Path) -> list[Path]:
    """Find the test files that import the module."""
    name = re.compile(rf"\b{re.escape('.'.join(module.with_suffix('').parts))}\b")
    files = (PROJECT / "tests").rglob("test_*.py")
    return sorted(path.relative_to(PROJECT) for path in files if name.search(path.read_text(encoding="utf-8")))


def configuration(modules: Iterable[Path], tests: Iterable[Path]) -> str:
    """Build mutmut's setup.cfg."""
    folders = ("assets", "bench", "commands", "deploy", "docs", "emulator", "faults", "fuzz", "mutation", "sql")
    options: Mapping[str, Iterable[object]] = {
        "source_paths": [SOURCES],
        "only_mutate": modules,
        "also_copy": [*folders, "README.md", "accounts.example.toml", "run"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": tests,
    }
    lines = [f"{option} =\n" + "\n".join(f"    {value}" for value in values) for option, values in options.items()]
    return "\n".join(["[mutmut]", *lines, ""])


def copy_project(target: Path) -> None:
    """Copy all files but those that git ignores, replacing an earlier copy."""
    shutil.rmtree(target, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)


def sample(results: str, count: int) -> list[str]:
    """Choose mutants from the lines of ``mutmut results``; the same lines give the same choice."""
    names = sorted(name for name, _ in RESULT.findall(results))
    return Random(0).sample(names, min(count, len(names)))  # noqa: S311 - repeatable on purpose


def counts(results: str) -> dict[str, Counter[str]]:
    """Count mutants per module and status from the lines of ``mutmut results``."""
    found: dict[str, Counter[str]] = {}
    for name, status in RESULT.findall(results):
        module = name.rpartition(".")[0]
        found.setdefault(module, Counter())[status] += 1
    return found


def table(found: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Format one row per module and a sum, as Markdown."""
    yield "| module | mutants | killed | survived | score |"
    yield "|---|---:|---:|---:|---:|"
    for name, statuses in [*sorted(found.items()), ("all", sum(found.values(), Counter[str]()))]:
        noticed = sum(statuses[status] for status in NOTICED)
        unnoticed = sum(statuses[status] for status in UNNOTICED)
        total = noticed + unnoticed
        score = f"{100 * noticed / total:.1f} %" if total else "none"
        yield f"| {name} | {total} | {noticed} | {unnoticed} | {score} |"


@contextmanager
def _database_server() -> Iterator[str]:
    """Give the server of TEST_DATABASE_URL, or start one for all mutants."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with TemporaryDirectory(prefix="amocrm-warehouse-mutation-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's user has to enter it
        with embedded_postgres(folder / "postgres", is_durable=False) as server:
            yield server.url_of("postgres")


def _mutmut(
    *arguments: str, variables: Mapping[str, str] | None = None, is_captured: bool = False
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mutmut", *arguments]
    stdout = subprocess.PIPE if is_captured else None
    return subprocess.run(command, cwd=COPY, check=False, text=True, env=variables, stdout=stdout)


def _module(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file() or not path.is_relative_to(PROJECT / SOURCES):
        raise argparse.ArgumentTypeError(f"{text} is not a file of {SOURCES}/")
    return path.relative_to(PROJECT)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run mutate", description=(__doc__ or "").replace("``", "'"))
    parser.add_argument("module", nargs="+", type=_module, help="a file of pipelines/ to measure")
    parser.add_argument("--tests", nargs="+", type=Path, help="tests to run (default: test files that import it)")
    parser.add_argument("--sample", type=int, metavar="COUNT", help="test only so many mutants, always the same ones")
    parser.add_argument("--jobs", type=int, default=1, help="mutants to test at the same time (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
