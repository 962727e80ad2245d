"""Run a bench, or list them: ``python -m bench one_account --runs 5``."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run the named bench."""
    known = benches()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("Usage: ./run bench NAME [OPTIONS]; NAME --help shows its options.\n")
        for name, purpose in known.items():
            print(f"  {name:12} {purpose}")
        return
    name = sys.argv[1]
    if name not in known:
        print(f"There is no bench '{name}'. There are: {', '.join(known)}.", file=sys.stderr)
        sys.exit(2)
    sys.argv = [f"bench {name}", *sys.argv[2:]]
    import_module(f"bench.{name}").main()


def benches() -> dict[str, str]:
    """Purpose of each bench, by name: the first line of its module, which is not imported."""
    here = Path(__file__).parent
    files = {path.stem: path for path in here.glob("[!_]*.py")} | {
        path.parent.name: path for path in here.glob("*/__init__.py")
    }
    return {name: _first_line(files[name]) for name in sorted(files)}


def _first_line(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].replace("``", "'")


if __name__ == "__main__":
    main()
