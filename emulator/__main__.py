"""Run the emulator as a program: ``python -m emulator --help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from emulator import state
from emulator.clock import Clock
from emulator.limits import AMOCRM_REQUESTS_PER_SECOND, RateLimit
from emulator.seed_data import ACCOUNT_NAME
from emulator.server import Emulator
from emulator.simulation import Simulation
from emulator.world import World

SAVE_INTERVAL_SECONDS = 5.0
"""Interval at which the state is saved."""

SAVE_SHARE = 0.05
"""Largest share of the time for saving: a state with many customers is saved less often."""

BANNER = """
  ┌──────────────────────────────────────────────────────────────────────┐
  │  SIMULATED DATA. This is not amoCRM: everything here is made up.     │
  └──────────────────────────────────────────────────────────────────────┘
{accounts}
  To load, in .env:

{settings}
  To fetch data, and to advance the clock:

  curl -H 'Authorization: Bearer {token}' {url}/api/v4/customers/{list_name}
  curl {url}/_emulator/advance --json '{{"days": 1}}'

  Ctrl-C stops it.
"""


ACCOUNT = """  {name}, id {id}, customers_mode: {mode}, seed {seed}, now {now:%Y-%m-%d %H:%M} UTC{pace}

  URL      {url}
  Token    {token}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM and return the exit code."""
    options = _build_parser().parse_args(arguments)
    try:
        world, simulations = _load_or_create(options)
        emulator = Emulator(world=world, simulations=simulations, limit=_rate_limit(options), port=options.port).start()
        ports = [options.port and options.port + number for number in range(1, len(simulations))]
        hosts = [emulator.host, *map(emulator.add_host, ports)]
    except (state.StateError, OSError, OverflowError) as error:
        print(f"The emulator cannot start: {error}", file=sys.stderr)
        return 2
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    try:
        print(_format_banner(emulator, hosts, is_running=not options.stand_still), flush=True)
        seconds = 0.0
        while not stopping.wait(max(SAVE_INTERVAL_SECONDS, seconds / SAVE_SHARE)):
            started = time.monotonic()
            _save(options.state, emulator)
            seconds = time.monotonic() - started
    finally:
        emulator.stop()
        _save(options.state, emulator)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator", description="Run an emulated amoCRM with simulated data on this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--mode", choices=("segments", "periodicity"), default="segments", help="the account's customers mode"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulated history (default: 1)")
    parser.add_argument(
        "--account-id",
        type=int,
        metavar="ID",
        help="the first account's id, from which the others count up (default: a fixed one)",
    )
    parser.add_argument(
        "--accounts",
        type=int,
        default=1,
        metavar="N",
        help="accounts, each at a port and with a seed of its own, counted up (default: 1)",
    )
    parser.add_argument(
        "--name", action="append", default=[], dest="names", help="an account's name; repeat it for the next account"
    )
    parser.add_argument(
        "--customers", type=int, default=0, metavar="N", help="customers of each account at its start (default: 0)"
    )
    parser.add_argument("--days", type=int, default=90, help="days of history of a new account (default: 90)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="load the state from this file, and save it there")
    parser.add_argument("--stand-still", action="store_true", help="freeze the clock (default: real time)")
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"return 429 above N requests per second (amoCRM: {AMOCRM_REQUESTS_PER_SECOND}; default: no limit)",
    )
    parser.add_argument(
        "--block-after", type=int, metavar="N", help="block the client with 403 in HTML after N consecutive 429s"
    )
    return parser


def _rate_limit(options: argparse.Namespace) -> RateLimit | None:
    """Return the requested limit, or None. ``--block-after`` alone implies amoCRM's own limit."""
    if options.limit is None and options.block_after is None:
        return None
    return RateLimit(per_second=options.limit or AMOCRM_REQUESTS_PER_SECOND, blocks_after=options.block_after)


def _load_or_create(options: argparse.Namespace) -> tuple[World, Sequence[Simulation]]:
    """Load the saved world, with its own accounts, or create a new one."""
    if options.state is not None and os.path.lexists(options.state):
        world, simulations = state.load(options.state)
        if not simulations:
            raise state.StateError(f"{options.state} holds a world without a simulation")
    else:
        now = datetime.now(UTC).replace(microsecond=0)
        world = World(clock=Clock(now))
        names = [
            *options.names,
            *(f"{ACCOUNT_NAME} {number + 1}" for number in range(len(options.names), max(1, options.accounts))),
        ]
        simulations = [
            Simulation(
                options.seed + number,
                now - timedelta(days=options.days),
                options.mode,
                account_id=options.account_id and options.account_id + number,
                name=names[number] if len(names) > 1 or options.names else None,
                customers=max(0, options.customers),
            )
            for number in range(len(names))
        ]
    if not options.stand_still:
        world.clock.run()
    for simulation in simulations:
        simulation.advance(world, world.now())
    return world, simulations


def _format_banner(emulator: Emulator, hosts: Sequence[str], *, is_running: bool) -> str:
    accounts, settings, tokens = "", "", []
    for number, (host, simulation) in enumerate(zip(hosts, emulator.simulations, strict=True), 1):
        account = emulator.world.account(simulation.account_id)
        tokens.append(emulator.long_lived_token(account.id))
        accounts += ACCOUNT.format(
            name=account.name,
            id=account.id,
            mode=account.mode,
            seed=simulation.seed,
            now=emulator.clock.now(),
            pace=" and running" if is_running else ", clock frozen",
            url=f"http://{host}",
            token=tokens[-1],
        )
        settings += f'  [accounts.account{number}]\n  host = "{host}"\n  token_env = "ACCOUNT{number}_TOKEN"\n\n'
    if len(hosts) == 1:
        settings = f"  AMOCRM_HOST={hosts[0]}\n  AMOCRM_TOKEN={tokens[0]}\n"
    else:
        lines = "".join(f"  ACCOUNT{number}_TOKEN={token}\n" for number, token in enumerate(tokens, 1))
        settings = f"{lines}\n  and in accounts.toml:\n\n{settings.removesuffix(chr(10))}"
    has_stages = emulator.simulations[0].mode == "periodicity"
    return BANNER.format(
        accounts=accounts,
        settings=settings,
        url=emulator.url,
        token=tokens[0],
        list_name="statuses" if has_stages else "segments",
    )


def _save(path: Path | None, emulator: Emulator) -> None:
    if path is not None:
        state.save(path, emulator.world, emulator.simulations)


if __name__ == "__main__":
    sys.exit(main())
