"""``./run faults``: play the list, print failed cases, write the scorecard as JSON and HTML."""

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
"""Verdicts of other programs in the same cases."""


def main() -> int:
    """Play the chosen cases; exit status 1 if any failed."""
    arguments = _arguments()
    chosen = [case for case in cases(is_quick=arguments.quick) if _is_wanted(case, arguments.group, arguments.case)]
    if not chosen:
        print("No case has this name; --list shows all.", file=sys.stderr)
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
        report=lambda result: _print_result(result, is_verbose=arguments.verbose),
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
    parser.add_argument("--quick", action="store_true", help="play the half that is part of the tests")
    parser.add_argument("--group", action="append", help="play only this group; repeatable")
    parser.add_argument("--case", action="append", help="play only cases with this in their name")
    parser.add_argument("--seed", type=int, default=0, help="seed of random choices (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes, each with its own Postgres")
    parser.add_argument("--stop-at-first", action="store_true", help="stop at the first failed case")
    parser.add_argument("--output", type=Path, default=DATA / "faults", help="folder to write to")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and exit")
    parser.add_argument("--verbose", action="store_true", help="print every case, not only failed ones")
    return parser.parse_args()


def _is_wanted(case: Case, groups: list[str] | None, names: list[str] | None) -> bool:
    return (not groups or case.group in groups) and (not names or any(name in case.name for name in names))


def _part(groups: list[str] | None, names: list[str] | None) -> str:
    """Describe the chosen part of the list; empty if all of it."""
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


def _print_result(result: Result, *, is_verbose: bool) -> None:
    if is_verbose or not result.is_held:
        print(f"{result.verdict:8} {result.seconds:6.2f} s  {result.case.name}  {result.why[:300]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
