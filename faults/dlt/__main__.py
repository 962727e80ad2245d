"""Play the cases about amoCRM's responses against dlt: ``python -m faults.dlt``.

dlt runs in its own environment. The verdicts go to ``verdicts.json``, which the page shows.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from emulator import Clock, Emulator, effects
from faults.account_under_test import BEGIN, PAGE
from faults.case import Verdict, Wire
from faults.cases import cases
from faults.harness import new_database
from pipelines.config.database_url import parse_database_url
from pipelines.embedded_postgres.server import embedded_postgres

HERE: Final = Path(__file__).parent
VERDICTS: Final = HERE / "verdicts.json"
CONFIGS: Final = ("default", "best")
SECONDS: Final = 90.0  # more is a hang
ENVIRONMENT: Final = {
    # The same decisions, sooner: waits of milliseconds, and two seconds for an answer.
    "RUNTIME__REQUEST_BACKOFF_FACTOR": "0.01",
    "RUNTIME__REQUEST_TIMEOUT": "2",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
COLUMNS: Final = {
    "segments": ("id", "name", "customers_count"),
    "fields": ("id", "name", "type"),
    "stages": ("id", "name", "sort"),
}


class Loader:
    """dlt in a separate process, restarted after a hang."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def load(self, told: dict[str, str]) -> str | None:
        """Load; return dlt's error or None. Raises ``TimeoutError``."""
        if self._process is None:
            self._process = subprocess.Popen(
                [self._python, HERE / "load.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | ENVIRONMENT,
            )
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(SECONDS):
                self.close()
                raise TimeoutError
        said: dict[str, str | None] = json.loads(process.stdout.readline())
        return said["error"]

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    """Play the cases against each configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="a Python that has dlt; by default one is made of the peers' lock")
    parser.add_argument("--whole", action="store_true", help="all cases, not the quick half")
    arguments = parser.parse_args()
    verdicts: dict[str, dict[str, str]] = {}  # by case, then by configuration
    loader = Loader(arguments.python or _environment())
    with tempfile.TemporaryDirectory(prefix="amocrm-warehouse-dlt-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)
        with embedded_postgres(folder / "postgres", is_durable=False) as server, Emulator() as stranger:
            url = parse_database_url(server.url_of("postgres"))
            for number, (name, wire) in enumerate(chosen(stranger, is_quick=not arguments.whole)):
                for config in CONFIGS:
                    with new_database(url, None) as database:
                        told = {"config": config, "database": database, "dataset": f"d{number}", "folder": temporary}
                        verdict = play(loader, wire, told, stranger)
                    verdicts.setdefault(name, {})[f"dlt {config}"] = verdict
                    print(f"{config:8} {verdict:8} {name}", flush=True)
                lines = ",\n".join(f" {json.dumps(case)}: {json.dumps(found)}" for case, found in verdicts.items())
                VERDICTS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    loader.close()
    print(dict(Counter(f"{config}: {verdict}" for found in verdicts.values() for config, verdict in found.items())))


def _environment() -> Path:
    from bench.peers.environments import environment  # noqa: PLC0415 - only needed without --python

    return environment("dlt", HERE.parents[1] / "data" / "peers")


def chosen(stranger: Emulator, *, is_quick: bool) -> Iterator[tuple[str, Wire]]:
    """Yield the cases about lists, which is all that dlt fetches.

    Of unusual values only unusable ids: storing other values is each program's choice.
    """
    link = effects.next_link(f"{stranger.url}/api/v4/customers/segments?page=2&limit=250")
    yield (
        "hosts: next points to another host, segments, first page",
        Wire(make=lambda: link, where={"resource": "segments", "page": 1}),
    )
    for case in cases(is_quick=is_quick):
        is_judged = case.group != "values" or case.allowed == {Verdict.REFUSED}
        if is_judged and case.wire and case.wire.where.get("resource") in COLUMNS:
            yield case.name, case.wire


def play(loader: Loader, wire: Wire, told: dict[str, str], stranger: Emulator) -> Verdict:
    """Load, change the account, and load through the fault."""
    with Emulator(clock=Clock(BEGIN)) as emulator, account(emulator, wire.mode) as account_id:
        told = told | {
            "base_url": emulator.url,
            "token": emulator.long_lived_token(account_id),
            "mode": wire.mode,
        }
        first = loader.load(told)
        if first is not None or stored(told) != shown(emulator, account_id, wire.mode):
            raise RuntimeError(f"dlt does not load without a fault: {first}")
        change(emulator, account_id)
        before = stored(told)
        emulator.faults.add(wire.make(), **wire.where)
        try:
            error = loader.load(told)
        except TimeoutError:
            return Verdict.HANG
        if stranger.requests:
            stranger.requests.clear()
            return Verdict.LEAK
        if error is not None:
            return Verdict.REFUSED if stored(told) == before else Verdict.DAMAGED
        return Verdict.EXACT if stored(told) == shown(emulator, account_id, wire.mode) else Verdict.SILENT


@contextmanager
def account(emulator: Emulator, mode: str) -> Iterator[int]:
    """Make an account like that of our cases: seven segments and fields, three on a page."""
    world = emulator.world
    world.quirks = replace(world.quirks, ignores_limit=True, default_limit=PAGE)
    account_id = world.add_account("Corner Coffee", mode=mode)  # type: ignore[arg-type]
    for number in range(7):
        world.add_segment(account_id, f"Segment {number}", size=10 + number, place=number)
        world.add_field(account_id, f"Field {number}", "text")
    for number in range(3):
        world.add_stage(account_id, f"Stage {number}")
    yield account_id


def change(emulator: Emulator, account_id: int) -> None:
    """Rename, resize, delete and add segments."""
    world = emulator.world
    segments = [one["id"] for one in world.shown_segments(account_id)]
    if segments:
        world.rename_segment(account_id, segments[0], "Renamed")
        world.set_size(account_id, segments[3], 99)
        world.delete_segment(account_id, segments[5])
        world.add_segment(account_id, "New", size=1, place=0)


def shown(emulator: Emulator, account_id: int, mode: str) -> Counter[Any]:
    """AmoCRM's state of the fetched lists."""
    world = emulator.world
    lists = {
        "segments": world.shown_segments(account_id),
        "fields": world.shown_fields(account_id),
        "stages": world.shown_stages(account_id) if mode == "periodicity" else [],
    }
    return Counter(
        (name, *(item[column] for column in COLUMNS[name])) for name, items in lists.items() for item in items
    )


def stored(told: dict[str, str]) -> Counter[Any]:
    """Current state of dlt's tables."""
    found: Counter[Any] = Counter()
    with psycopg.connect(told["database"]) as connection:
        for name, columns in COLUMNS.items():
            question = SQL("select {} from {}").format(
                SQL(", ").join(map(Identifier, columns)), Identifier(told["dataset"], name)
            )
            if told["config"] == "best":
                question += SQL(" where _dlt_valid_to is null")
            try:
                with connection.transaction():
                    found.update((name, *row) for row in connection.execute(question))
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                continue
    return found


if __name__ == "__main__":
    main()
