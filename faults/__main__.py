"""``./run faults``: plays the list, prints what was not held, and writes the scorecard as JSON and as a page."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from faults.case import Case, Result
from faults.cases import cases
from faults.page import render
from faults.runner import run
from faults.scorecard import in_words
from pipelines.base.atomic_file import replace_file

DATA: Final = Path(__file__).parents[1] / "data"
OTHERS: Final = Path(__file__).parent / "dlt" / "verdicts.json"
"""What other programs came to in the same cases."""


def main() -> int:
    """Play what was asked for; 1 where anything was not held."""
    arguments = _arguments()
    chosen = [case for case in cases(is_quick=arguments.quick) if _is_wanted(case, arguments.group, arguments.case)]
    if not chosen:
        print("No case is called so; --list shows all.", file=sys.stderr)
        return 2
    if arguments.list:
        _print_lines(case.name for case in chosen)
        return 0
    print(f"{len(chosen)} cases, seed {arguments.seed}", flush=True)
    card = run(
        chosen,
        seed=arguments.seed,
        is_quick=arguments.quick,
        stop_at_first=arguments.stop_at_first,
        jobs=arguments.jobs,
        report=lambda result: _tell(result, is_verbose=arguments.verbose),
    )
    card = replace(card, part=_part(arguments.group, arguments.case))
    for case, verdicts in json.loads(OTHERS.read_text(encoding="utf-8")).items():
        for program, verdict in verdicts.items():
            card.others.setdefault(program, {})[case] = verdict
    card.write(arguments.output / "scorecard.json")
    replace_file(arguments.output / "scorecard.html", render(card).encode())
    for name, why in card.not_played.items():
        print(f"not played: {name}: {why}")
    for name, results in card.groups().items():
        print(f"{name:10} held {sum(one.is_held for one in results):5} of {len(results)}")
    for line in in_words(card.figures()):
        print(line)
    print(f"Written to {arguments.output}: scorecard.json, scorecard.html")
    return 0 if card.is_held else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run faults", description=(__doc__ or "").replace("``", "'"))
    parser.add_argument("--quick", action="store_true", help="the half that is part of the tests")
    parser.add_argument("--group", action="append", help="only this group; may be given several times")
    parser.add_argument("--case", action="append", help="only cases whose name has this in it")
    parser.add_argument("--seed", type=int, default=0, help="another choice where not everything is tried")
    parser.add_argument("--jobs", type=int, default=1, help="processes that play, each with a Postgres of its own")
    parser.add_argument("--stop-at-first", action="store_true", help="end at the first case that is not held")
    parser.add_argument("--output", type=Path, default=DATA / "faults", help="the folder to write to")
    parser.add_argument("--list", action="store_true", help="only print the names of the cases")
    parser.add_argument("--verbose", action="store_true", help="print every case, not only those that are not held")
    return parser.parse_args()


def _is_wanted(case: Case, groups: list[str] | None, names: list[str] | None) -> bool:
    return (not groups or case.group in groups) and (not names or any(name in case.name for name in names))


def _part(groups: list[str] | None, names: list[str] | None) -> str:
    """What of the list was asked for, in words; nothing where that is all of it."""
    parts = [f"the group{'s' * (len(groups) > 1)} {', '.join(groups)}"] if groups else []
    parts += [f"cases with {' or '.join(map(repr, names))} in their name"] if names else []
    return ", ".join(parts)


def _print_lines(lines: Iterable[str]) -> None:
    """Print lines until the reader closes the pipe, as ``head`` does."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports the error when it exits


def _tell(result: Result, *, is_verbose: bool) -> None:
    if is_verbose or not result.is_held:
        print(f"{result.verdict:8} {result.seconds:6.2f} s  {result.case.name}  {result.why[:300]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
