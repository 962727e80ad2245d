"""A Postgres server that is killed, stopped or out of disk space, and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from faults.account_under_test import AccountUnderTest, account_under_test
from faults.case import Case, Trial
from faults.harness import Harness
from faults.proxy import Proxy
from pipelines.embedded_postgres import cluster
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

DISK_MB: Final = 256
LONG: Final = 40_000
"""Length of names that need their own pages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blow:
    """An event on the server during a load, and its end. Both get the server's folder."""

    strike: Callable[[Path], object]
    mend: Callable[[Path], object] = lambda _: None
    disk: Callable[[Path], AbstractContextManager[object]] = nullcontext
    cuts: bool = True  # whether the load's connection is cut at that moment


def cases() -> Iterator[Case]:
    """Yield each way in which a server goes away."""
    for name, number in (("killed", signal.SIGKILL), ("stopped at once", signal.SIGQUIT), ("stopped", signal.SIGINT)):
        yield Case(
            name=f"database: the server {name} and started again",
            wrong=f"The Postgres server is {name} in the middle of a load, and started again.",
            must="The snapshot is there whole, or not at all; the next load finds its way.",
            play=partial(struck, blow=Blow(strike=partial(_signal, number))),
            seconds=600,
        )
    yield Case(
        name="database: the disk is really full",
        wrong="Postgres' disk becomes full in the middle of a load, and later has room again.",
        must="The snapshot is there whole, or not at all; the next load finds its way.",
        play=partial(struck, blow=Blow(strike=_fill, mend=_make_room, disk=small_disk, cuts=False)),
        seconds=600,
        missing="" if may_mount() else "a disk of its own can only be mounted by root on Linux",
    )


def struck(harness: Harness, *, blow: Blow) -> Iterator[Trial]:
    """Strike a durable server at some messages of a load, and start it again."""
    root = harness.folder / f"struck-{harness.new_id()}"
    root.mkdir(mode=0o711)
    with blow.disk(root):
        yield from _struck_on(root, harness, blow)


def _struck_on(root: Path, harness: Harness, blow: Blow) -> Iterator[Trial]:
    with embedded_postgres(root) as server:
        engine = open_engine(server.url)
        migrate(engine)
        with account_under_test(harness, engine=engine) as account, Proxy(port=server.port) as proxy:
            account.load(engine=account.through(proxy.listens_at, server.url))
        engine.dispose()
    whole = len(proxy.messages)
    for number in sorted(harness.next_chance().sample(range(whole), k=8)):
        # The emulator and the account outlive the server.
        with ExitStack() as until:
            with embedded_postgres(root) as server:
                account = until.enter_context(account_under_test(harness, engine=open_engine(server.url)))
                grow(account)
                before = account.contents()
                account.engine.dispose()
                strike = partial(blow.strike, server.folder)
                with Proxy(
                    port=server.port, cut_at=number, then=strike, stays_down=blow.cuts, is_cut=blow.cuts
                ) as proxy:
                    loaded = account.load(engine=account.through(proxy.listens_at, server.url))
            blow.mend(server.folder)
            if not proxy.has_cut:
                continue
            with embedded_postgres(root) as server:
                account.engine = open_engine(server.url)
                yield account.recover(account.judge(loaded, before))
                account.engine.dispose()


def grow(account: AccountUnderTest) -> None:
    """Give segments and fields names longer than a table's page."""
    for segment in account.segments[1:5]:
        account.world.rename_segment(account.id, segment, account.random.randbytes(LONG // 2).hex())
    for its in account.fields[2:5]:
        account.world.rename_field(account.id, its, account.random.randbytes(LONG // 2).hex())


def _signal(number: signal.Signals, folder: Path) -> None:
    running = cluster.read_postmaster(folder)
    if running:
        os.kill(running.pid, number)


# A small disk


def may_mount() -> bool:
    """True if this process can mount a disk: Linux with CAP_SYS_ADMIN."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    [rights] = [
        line.split()[1] for line in status.read_text(encoding="ascii").splitlines() if line.startswith("CapEff")
    ]
    return bool(int(rights, 16) >> 21 & 1)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk at this folder."""
    options = f"size={DISK_MB}m,mode=0711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, timeout=60)  # noqa: S607
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)  # noqa: S607


def _fill(folder: Path) -> None:
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while filler.write(bytes(size)) == size:
                    pass


def _make_room(folder: Path) -> None:
    (folder / "filler").unlink(missing_ok=True)
