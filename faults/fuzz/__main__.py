"""``./run fuzz``: coverage-guided fuzzing by atheris, each target for a while; what it finds is kept as a file."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

NAMES: Final = (
    "an-answer-means-one-thing",
    "json-is-what-others-read",
    "a-body-is-bounded",
    "a-list-is-stored-or-refused",
)
FOUND: Final = Path(__file__).parents[2] / "data" / "fuzz"
LONGEST_INPUT: Final = 8_192


def main() -> int:
    """Fuzz every target in a process of its own, since atheris ends the one it runs in; 1 where one was broken."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--target", choices=NAMES, action="append", help="only this one")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.target or NAMES
    if arguments.in_this_process:
        fuzz(names[0], arguments.seconds)
    broken = [name for name in names if not is_held(name, arguments.seconds)]
    for name in broken:
        print(f"{name}: broken; the input is in {FOUND / name}", file=sys.stderr)
    return 1 if broken else 0


def is_held(name: str, seconds: int) -> bool:
    """Whether the target held for as long as it was tried."""
    print(f"{name}: {seconds} s", flush=True)
    again = [sys.executable, "-m", "faults.fuzz", "--in-this-process", "--target", name, "--seconds", str(seconds)]
    return subprocess.run(again, check=False).returncode == 0


def fuzz(name: str, seconds: int) -> None:
    """Hand this process over to atheris."""
    import atheris  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - in an environment of its own

    # What is imported in here is watched; all that pandas brings along would take minutes to prepare, and is not asked.
    with atheris.instrument_imports(include=["pipelines.amocrm", "faults.fuzz", "json"]):
        from faults.fuzz.targets import TARGETS, seeds  # noqa: PLC0415
    corpus, found = FOUND / name / "corpus", FOUND / name / "broken-"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={found}", "-timeout=10"]
    atheris.Setup([sys.argv[0], *options, "-verbosity=0", "-print_final_stats=1", str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
