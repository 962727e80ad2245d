"""The emulator as a program of its own: ``python -m emulator --help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from emulator import state
from emulator.clock import Clock
from emulator.limits import RateLimit
from emulator.server import Emulator
from emulator.simulation import Simulation
from emulator.world import World

SAVE_INTERVAL_SECONDS = 5.0
"""Seconds between two savings of the state."""

BANNER = """
  ┌──────────────────────────────────────────────────────────────────────┐
  │  SIMULATED DATA. This is not amoCRM: everything here is made up.     │
  └──────────────────────────────────────────────────────────────────────┘
  {name}, id {id}, customers_mode: {mode}, seed {seed}, now {now:%Y-%m-%d %H:%M} UTC{pace}

  URL      {url}
  Token    {token}

  To load it, in .env:

  AMOCRM_HOST={host}
  AMOCRM_TOKEN={token}

  To look at it, and to move its time:

  curl -H 'Authorization: Bearer {token}' {url}/api/v4/customers/{things}
  curl {url}/_emulator/advance --json '{{"days": 1}}'

  Ctrl-C stops it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    options = _build_parser().parse_args(arguments)
    try:
        world, simulation = _load_or_create(options)
        emulator = Emulator(world=world, simulation=simulation, limit=_rate_limit(options), port=options.port).start()
    except (state.StateError, OSError) as error:
        print(f"The emulator cannot start: {error}", file=sys.stderr)
        return 2
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    try:
        print(_format_banner(emulator, simulation, is_running=not options.stand_still), flush=True)
        while not stopping.wait(SAVE_INTERVAL_SECONDS):
            _save(options.state, emulator)
    finally:
        emulator.stop()
        _save(options.state, emulator)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator", description="A small amoCRM on this machine, with simulated data."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--mode", choices=("segments", "periodicity"), default="segments", help="what the account shows"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another history (default: 1)")
    parser.add_argument(
        "--account-id",
        type=int,
        metavar="ID",
        help="the account's id, for a second emulator (default: always the same)",
    )
    parser.add_argument("--days", type=int, default=90, help="how old the account is when it is new (default: 90)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="go on from this file, and save to it")
    parser.add_argument(
        "--stand-still", action="store_true", help="let no time pass until it is moved (default: it goes as here)"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="answer 429 to more than N requests a second (amoCRM: 7; default: none)"
    )
    parser.add_argument(
        "--block-after", type=int, metavar="N", help="block who goes on: 403 in HTML after N times 429 in a row"
    )
    return parser


def _rate_limit(options: argparse.Namespace) -> RateLimit | None:
    """The limit that was asked for, if any; a block alone goes with amoCRM's own limit."""
    if options.limit is None and options.block_after is None:
        return None
    return RateLimit(per_second=options.limit or 7, blocks_after=options.block_after)


def _load_or_create(options: argparse.Namespace) -> tuple[World, Simulation]:
    """The saved world where there is one, else a new one; the saved one keeps its mode, its seed and its id."""
    if options.state is not None and os.path.lexists(options.state):
        world, simulation = state.load(options.state)
        if simulation is None:
            raise state.StateError(f"{options.state} holds a world without a story")
    else:
        now = datetime.now(UTC).replace(microsecond=0)
        world = World(clock=Clock(now))
        simulation = Simulation(
            options.seed, now - timedelta(days=options.days), options.mode, account_id=options.account_id
        )
    if not options.stand_still:
        world.clock.run()
    simulation.advance(world, world.now())
    return world, simulation


def _format_banner(emulator: Emulator, simulation: Simulation, *, is_running: bool) -> str:
    account = emulator.world.account(simulation.account_id)
    return BANNER.format(
        name=account.name,
        id=account.id,
        mode=account.mode,
        seed=simulation.seed,
        now=emulator.clock.now(),
        pace=" and running" if is_running else ", standing still",
        url=emulator.url,
        host=emulator.host,
        token=emulator.long_lived_token(account.id),
        things="statuses" if account.mode == "periodicity" else "segments",
    )


def _save(path: Path | None, emulator: Emulator) -> None:
    if path is not None:
        state.save(path, emulator.world, emulator.simulation)


if __name__ == "__main__":
    sys.exit(main())
