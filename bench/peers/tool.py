"""What a tool is to the bench: a command, and where what it loaded is found again. Which tools there are: ``tools``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bench.peers.environments import HERE, environment, versions
from bench.peers.payloads import host_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one tool loads: a folder with accounts.toml, a database of its own, and captured answers."""

    folder: Path
    url: str
    cache: Path
    payloads: Path
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One way to load all accounts."""

    name: str
    kind: Literal["history", "copies", "floor"]  # whether it keeps what changed, a copy of all each time, or nothing
    what: str  # in the table's legend
    command: Callable[[Place], list[str]]
    peer: str | None = None  # whose environment it needs
    packages: tuple[str, ...] = ()  # of that environment, worth naming
    prepare: Callable[[Place], None] = lambda _: None  # once for each database, not measured
    variables: Callable[[Place], Mapping[str, str]] = lambda _: {}
    segments: str | None = None  # SQL for id, name and size of all segments as loaded last
    values: str | None = None  # SQL for segment, field and text (null where it is none) of all their values


def python(place: Place, peer: str) -> str:
    """The interpreter of a peer's environment."""
    return str(environment(peer, place.cache))


def settle(place: Place, port: int) -> dict[str, str]:
    """Write accounts.toml, and say with which variables a tool runs."""
    names = [f"shop-{number:04}" for number in range(place.accounts)]
    variables = {f"TOKEN_{number}": f"bench-{number}" for number in range(place.accounts)}
    (place.folder / "accounts.toml").write_text(
        "\n".join(
            f'[accounts.{name}]\nhost = "{host_of(number)}:{port}"\ntoken_env = "TOKEN_{number}"\n'
            for number, name in enumerate(names)
        ),
        encoding="utf-8",
    )
    return variables | {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(place.folder),
        "PYTHONPATH": str(HERE / "shared"),
        "DATABASE_URL": place.url,
        "PGPASSWORD": urlsplit(place.url).password or "",
    }


def legend(tool: Tool, cache: Path) -> dict[str, str]:
    """What a tool is, with its versions."""
    if tool.peer:
        environment(tool.peer, cache)
    packages = versions(tool.peer, cache, tool.packages) if tool.peer else {}
    named = "".join(f"; {name} {number}" for name, number in packages.items())
    return {"name": tool.name, "keeps": "-" if tool.kind == "floor" else tool.kind, "what": tool.what + named}
