"""Says what pip-audit found: known vulnerabilities, none, or that it could not be told.

Reads pip-audit's JSON on standard input. The first argument is the number of packages in the locks. With ``--require``
it fails unless every one for this system was checked, for CI with a network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

FOUND = 1
UNCHECKED = 3


def verdict(text: str, total: int, *, is_required: bool) -> tuple[int, str]:
    """The exit code, and sentences for people."""
    found = packages(text)
    checked = [one for one in found if "vulns" in one]
    lines = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in checked
        for flaw in one["vulns"]
    ]
    if lines:
        return FOUND, "\n".join(["Packages with known vulnerabilities:", *lines])
    if not checked:
        words = (
            f"Advisories could not be had: none of {total} packages was checked for known vulnerabilities. "
            "This says nothing about whether they have any. It needs access to pypi.org: run './run audit --require' "
            "on a machine with a network, which fails unless all were checked."
        )
    elif len(checked) < len(found):
        words = f"{len(checked)} of {len(found)} packages have no known vulnerability; the others could not be checked."
    else:
        others = f" {total - len(found)} more in the locks are for other systems." if len(found) < total else ""
        words = f"All {len(checked)} packages of this system were checked: no known vulnerability.{others}"
    is_whole = 0 < len(checked) == len(found)
    return (UNCHECKED if is_required and not is_whole else 0), words


def packages(text: str) -> list[dict[str, Any]]:
    """The packages of pip-audit's document; none if it could not write one."""
    try:
        found = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    unique = {(one["name"], one.get("version")): one for one in found}
    return list(unique.values())


def main(arguments: Sequence[str]) -> int:
    """Print the verdict; the exit code."""
    code, words = verdict(sys.stdin.read(), int(arguments[0]), is_required="--require" in arguments[1:])
    sys.stderr.write(f"{words}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
