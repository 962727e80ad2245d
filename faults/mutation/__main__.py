"""``./run mutate``: takes every guard away in turn and says who noticed. 1: nobody did; 2: some cannot be tried.

What there is to take away is in ``guards`` and ``constraints``, how it is done in ``play``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from faults.lab import new_database
from faults.mutation.constraints import Dropped, drop_each
from faults.mutation.guards import GUARDS
from faults.mutation.mutant import Mutant, Played, Stale
from faults.mutation.play import PROJECT, check, play, trees
from faults.terminal import purpose, show
from pipelines.warehouse.address import parse_database_url
from pipelines.warehouse.embedded import embedded_postgres
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

CONSTRAINT_TEST: Final = "tests/integration/test_constraints.py::test_each_constraint_refuses_its_row"


def main() -> int:
    """Play what was asked for."""
    arguments = _arguments()
    chosen = [one for one in GUARDS if not arguments.only or any(word in one.guard for word in arguments.only)]
    if arguments.list:
        show(f"{one.guard}: {one.file}:{one.line_in(PROJECT)}" for one in chosen)
        return 0
    began = time.monotonic()
    with _server() as url:
        constraints = [] if arguments.only else list(_without_constraints(url))
        for dropped in constraints:
            if not dropped.is_noticed:
                print(f"SURVIVED  {dropped.constraint.name}")
        print(
            f"Constraints dropped: {len(constraints)}, noticed: {sum(one.is_noticed for one in constraints)}",
            flush=True,
        )
        try:
            guards = list(_without_guards(chosen, url))
        except Stale as error:
            print(error, file=sys.stderr)
            return 2
    document = _document(constraints, guards, time.monotonic() - began)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"Guards taken away: {document['mutants']}, noticed: {document['noticed']}. Written to {arguments.output}")
    if document["stale"]:
        return 2
    return 0 if document["noticed"] == document["mutants"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run mutate", description=purpose(__doc__))
    parser.add_argument("--only", action="append", metavar="WORD", help="only guards of the code with this in them")
    parser.add_argument("--list", action="store_true", help="only print the guards, and where they are")
    parser.add_argument("--output", type=Path, default=PROJECT / "data" / "faults" / "mutation.json")
    return parser.parse_args()


@contextmanager
def _server() -> Iterator[str]:
    """A database server: that of TEST_DATABASE_URL, or one of our own."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with TemporaryDirectory(prefix="amocrm-warehouse-mutation-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's user has to pass through it
        with embedded_postgres(folder / "postgres", is_durable=False) as server:
            yield server.url_of("postgres")


def _without_constraints(url: str) -> Iterator[Dropped]:
    with new_database(parse_database_url(url), None) as of_its_own:
        engine = open_engine(of_its_own)
        migrate(engine)
        engine.dispose()
        with psycopg.connect(of_its_own) as connection:
            yield from drop_each(connection)


def _without_guards(chosen: Sequence[Mutant], url: str) -> Iterator[Played]:
    with trees(url) as copies:
        took = check(chosen, copies[0])
        print(f"{len(chosen)} guards of the code; with all of them in place nothing fails.", flush=True)
        for played in play(chosen, copies, took):
            said = played.trouble or played.noticed_by or "SURVIVED"
            print(f"{said}  <-  {played.mutant.guard} ({played.seconds:.0f} s)", flush=True)
            yield played


def _document(constraints: Sequence[Dropped], guards: Sequence[Played], seconds: float) -> dict[str, Any]:
    rows = [
        *(
            {
                "guard": f"{one.constraint.kind} {one.constraint.name}",
                "where": f"amocrm.{one.constraint.table}",
                "noticed_by": CONSTRAINT_TEST if one.is_noticed else None,
            }
            for one in constraints
        ),
        *(
            {
                "guard": one.mutant.guard,
                "where": f"{one.mutant.file}:{one.mutant.line_in(PROJECT)}",
                "noticed_by": one.noticed_by,
            }
            for one in guards
        ),
    ]
    stale = [one.mutant.guard for one in guards if one.trouble]
    return {
        "mutants": len(rows),
        "noticed": sum(row["noticed_by"] is not None for row in rows),
        "survivors": [row["guard"] for row in rows if row["noticed_by"] is None and row["guard"] not in stale],
        "stale": stale,
        "seconds": round(seconds),
        "guards": rows,
    }


if __name__ == "__main__":
    sys.exit(main())
