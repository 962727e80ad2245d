"""Runs one of the benches, or says which there are: ``python -m bench one_account --runs 5``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Hand over to the bench that is named."""
    here = Path(__file__).parent
    modules = [path for path in here.glob("*.py") if not path.stem.startswith("__")]
    names = sorted(path.stem for path in [*modules, *(path.parent for path in here.glob("*/__init__.py"))])
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        raise SystemExit(f"Which bench? One of: {', '.join(names)}. Each tells more with --help.")
    name = sys.argv[1]
    sys.argv = [f"bench {name}", *sys.argv[2:]]
    import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
