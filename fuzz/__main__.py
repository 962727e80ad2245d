"""``./run fuzz``: coverage-guided fuzzing by atheris, each target for a while; what it finds is kept as a file."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from fuzz.mutate import mutated

PREFIX: Final = {
    "an-answer-means-one-thing": 4,
    "json-is-what-others-read": 0,
    "a-body-is-bounded": 1,
    "a-list-is-stored-or-refused": 1,
}
"""How many bytes each target reads before the body."""

FOUND: Final = Path(__file__).parents[1] / "data" / "fuzz"
LONGEST_INPUT: Final = 8_192


def main() -> int:
    """Fuzz every target in a process of its own, since atheris ends the one it runs in; 1 where one was broken."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--target", choices=sorted(PREFIX), action="append", help="only this one")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.target or list(PREFIX)
    if arguments.in_this_process:
        fuzz(names[0], arguments.seconds)
    broken = [name for name in names if not is_held(name, arguments.seconds)]
    for name in broken:
        print(f"{name}: broken; the input is in {FOUND / name}", file=sys.stderr)
    return 1 if broken else 0


def is_held(name: str, seconds: int) -> bool:
    """Fuzz the target in a process of its own; return True if nothing broke it."""
    print(f"{name}: {seconds} s", flush=True)
    again = [sys.executable, "-m", "fuzz", "--in-this-process", "--target", name, "--seconds", str(seconds)]
    return subprocess.run(again, check=False).returncode == 0


def fuzz(name: str, seconds: int) -> None:
    """Hand this process over to atheris."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415 - in an environment of its own

    # Only our modules are instrumented: those that pandas imports would take minutes.
    with atheris.instrument_imports(include=["pipelines", "fuzz"]):
        from fuzz.targets import TARGETS, seeds  # noqa: PLC0415

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """The bytes that a target reads first stay apart from the document behind them."""
        head = PREFIX[name]
        found = data[:head] + mutated(data[head:], seed, lambda body: bytes(atheris.Mutate(body, most - head)))
        return found if len(found) <= most else data

    def kept(data: bytes) -> None:
        """Try the target; an input that breaks it is kept."""
        try:
            TARGETS[name](data)
        except Exception:
            (FOUND / name / f"broken-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
            raise

    corpus = FOUND / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-timeout=10"]
    atheris.Setup(
        [sys.argv[0], *options, "-verbosity=0", "-print_final_stats=1", str(corpus)],
        kept,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
