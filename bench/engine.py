"""Check the claims of docs/scaling.md: two workers share a fleet, one is killed, nothing is lost.

Needs the extra ``celery`` and a ``redis-server`` (Debian: apt install redis-server). Everything else is its own: an
emulated amoCRM, Postgres for the warehouse and for Dagster, the daemon, two workers. Run it from the project's folder:
``python -m bench engine``. It takes some two minutes, and its exit code is 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, LiteralString, TypeVar

import dagster as dg
import psycopg
import yaml

from emulator import Emulator
from pipelines.config.database_url import parse_database_url
from pipelines.config.settings import Settings
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import migrate

ROOT: Final = Path(__file__).parents[1]
WORKSPACE: Final = ROOT / "workspace.yaml"
CELERY: Final = ROOT / "deploy" / "celery"
PATIENCE: Final = 600.0

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Folder, settings and environment of Dagster's programs."""

    folder: Path
    environment: Mapping[str, str]
    url: str

    def start(self, name: str, *command: str, stack: ExitStack) -> subprocess.Popen[bytes]:
        """Start a program that ends, with its children, when the stack closes."""
        log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )
        stack.callback(end, process)
        return process

    def rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()


def main() -> None:
    """Run the check and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=120, help="accounts of the fleet")
    parser.add_argument("--buckets", type=int, default=6, help="buckets that they are loaded in")
    parser.add_argument("--pace", type=float, default=10.0, help="requests a second of both workers together")
    arguments = parser.parse_args()
    if find_spec("dagster_celery") is None:
        raise SystemExit(
            "Celery is not installed. Do so by: "
            ".venv/bin/python -m pip install --require-hashes --no-deps -r deploy/requirements.lock"
        )
    with ExitStack() as stack:
        site = stack.enter_context(prepared(arguments.accounts, arguments.buckets, arguments.pace))
        instance = stack.enter_context(dg.DagsterInstance.from_config(site.environment["DAGSTER_HOME"]))
        workers = [start_worker(site, name, stack) for name in ("one", "two")]
        site.start("daemon", sys.executable, "-m", "dagster._daemon", "run", "-w", str(WORKSPACE), stack=stack)
        dagster(site, "schedule", "start", "load_accounts")
        say("Two workers wait for the schedule's tick, which comes once, within two minutes.")
        victim = until(lambda: half_done(site, instance))
        say(f"Worker one is killed while it loads {victim.tags['dagster/partition']}: {counts(site)}")
        os.killpg(workers[0].pid, signal.SIGKILL)
        began = time.monotonic()
        until(lambda: (run := instance.get_run_by_id(victim.run_id)) and run.is_finished)
        say(f"Dagster noticed after {time.monotonic() - began:.0f} s.")
        until(lambda: len(succeeded(instance)) == arguments.buckets)
        say(f"All buckets are loaded {time.monotonic() - began:.0f} s after that: {counts(site)}")
        check(site, instance, arguments.accounts)
    say("It holds: nothing lost, nothing doubled.")


@contextmanager
def prepared(accounts: int, buckets: int, pace: float) -> Iterator[Site]:
    """Emulator, database, broker, and Dagster's home with its storage in Postgres."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        emulator = stack.enter_context(Emulator())
        url = stack.enter_context(database_url(Settings(data_dir=folder)))
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create database dagster")
        storage = parse_database_url(url).set(drivername="postgresql+psycopg2", database="dagster")
        lines, tokens = [], {}
        for number in range(accounts):
            account_id = emulator.world.add_account(f"Account {number}")
            for segment in range(3):
                emulator.world.add_segment(account_id, f"Segment {segment}", size=10 * number + segment)
            tokens[f"TOKEN_{number}"] = emulator.long_lived_token(account_id)
            lines.append(f'[accounts.a{number:04}]\nhost = "{emulator.host}"\ntoken_env = "TOKEN_{number}"\n')
        (folder / "accounts.toml").write_text("\n".join(lines), encoding="utf-8")
        home = folder / "home"
        home.mkdir()
        configuration = yaml.safe_load((CELERY / "dagster.yaml").read_text(encoding="utf-8"))
        configuration["run_monitoring"]["poll_interval_seconds"] = 5
        (home / "dagster.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        broker = stack.enter_context(redis(folder))
        soon = datetime.now(UTC) + timedelta(minutes=2)
        environment = (
            os.environ
            | tokens
            | {
                "AMOCRM_CELERY_URL": broker,
                "AMOCRM_FLEET_BUCKETS": str(buckets),
                "AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS": str(pace),
                "AMOCRM_SCHEDULE_CRON": f"{soon.minute} {soon.hour} * * *",
                "AMOCRM_DATA_DIR": str(folder),
                "DAGSTER_HOME": str(home),
                "DAGSTER_POSTGRES_URL": storage.render_as_string(hide_password=False),
                "DATABASE_URL": url,
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(CELERY))),
            }
        )
        os.environ |= environment  # for this process' own look into Dagster
        yield Site(folder=folder, environment=environment, url=url)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a broker on a free port, and return its address."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("There is no redis-server. On Debian and Ubuntu: apt install redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(process)


def start_worker(site: Site, name: str, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start a worker for two concurrent runs."""
    options = ("-Q", "dagster", "-n", f"{name}@%h", "--concurrency", "2")
    return site.start(name, sys.executable, "-m", "celery", "-A", "dagster_celery.app", "worker", *options, stack=stack)


def half_done(site: Site, instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """Find a run of worker one that is partly done."""
    from assets.celery_launcher import WatchedCeleryLauncher  # noqa: PLC0415 - needs the extra

    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedCeleryLauncher)
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        is_begun = site.rows("select 1 from amocrm.snapshot where run_id = %s offset 2", run.run_id)
        if is_begun and launcher.find_worker(run) == f"one@{socket.gethostname()}":
            return run
    return None


def succeeded(instance: dg.DagsterInstance) -> set[str]:
    """Buckets that are loaded completely."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    return {run.tags["dagster/partition"] for run in runs}


def counts(site: Site) -> str:
    """Progress of the fleet."""
    [(snapshots, accounts)] = site.rows("select count(*), count(distinct account_id) from amocrm.snapshot")
    return f"{snapshots} snapshots of {accounts} accounts"


def check(site: Site, instance: dg.DagsterInstance, accounts: int) -> None:
    """Check that nothing is lost or doubled, and that both workers took part."""
    [found] = site.rows("select count(*), count(distinct account_id) from amocrm.snapshot")
    expect(found == (accounts, accounts), f"{found[0]} snapshots of {found[1]} accounts, where each has one")
    [versions] = site.rows("select count(*), count(distinct (account_id, segment_id)) from amocrm.segment_version")
    expect(versions == (3 * accounts, 3 * accounts), f"{versions} versions of segments")
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    say(f"{len(failed)} runs of the killed worker were executed again by the other.")
    expect(bool(failed), "no run was lost with the worker")


def expect(holds: bool, what: str) -> None:  # noqa: FBT001 - it reads as a sentence
    """Exit with an error if a condition is false."""
    if not holds:
        raise SystemExit(f"It does not hold: {what}.")


def dagster(site: Site, *arguments: str) -> None:
    """Run a command of Dagster."""
    command = [sys.executable, "-m", "dagster", *arguments, "-w", str(WORKSPACE)]
    done = subprocess.run(
        command, cwd=site.folder, env=site.environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    expect(done.returncode == 0, f"{' '.join(arguments)} failed: {done.stderr}")


def until(found: Callable[[], Found | None]) -> Found:
    """Wait for a true value and return it."""
    last = time.monotonic() + PATIENCE
    while not (it := found()):
        expect(time.monotonic() < last, f"nothing happened for {PATIENCE:.0f} s")
        time.sleep(0.2)
    return it


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def say(text: str) -> None:
    """Print a line without buffering."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
