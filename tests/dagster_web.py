"""Our Dagster web server as a process, on a workspace with one job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import requests

from assets.web.session import LOGIN_KEY
from tests.command_line import build_environment, free_port

SECRET: Final = "a-secret-of-the-test-" + "x" * 20
KEY: Final = "a-login-key-of-the-test"
START_SECONDS: Final = 90

CODE: Final = """\
import dagster as dg


@dg.op
def nothing() -> None:
    pass


@dg.job
def launched() -> None:
    nothing()


defs = dg.Definitions(jobs=[launched], assets=[dg.AssetSpec("reported")])
"""

CONFIGURATION: Final = """\
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: QueuedRunCoordinator}
"""

LAUNCH: Final = (
    'mutation { launchRun(executionParams: {selector: {repositoryName: "__repository__", '
    'repositoryLocationName: "trial", pipelineName: "launched"}, mode: "default"}) '
    "{ __typename ... on PythonError {message} ... on LaunchRunSuccess {run {runId}} } }"
)
"""Queues a run, which nothing executes: there is no daemon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterWeb:
    """The server, the folder that keeps its runs, and Dagster's view of them."""

    port: int
    home: Path
    instance: dg.DagsterInstance

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> int:
        """Number of launched runs."""
        return self.instance.get_runs_count()

    @property
    def reports(self) -> int:
        """Number of reported events of the asset."""
        return len(self.instance.fetch_materializations(dg.AssetKey("reported"), limit=10).records) + len(
            self.instance.fetch_observations(dg.AssetKey("reported"), limit=10).records
        )

    def session(self) -> requests.Session:
        """Log in, and return a session with the cookies."""
        session = requests.Session()
        session.cookies.set(f"amocrm_dagster_{self.port}", self.cookie)
        return session

    @property
    def cookie(self) -> str:
        """Log in, and return the cookie's value."""
        from assets.web.session import Sessions  # noqa: PLC0415

        return Sessions(secret=SECRET, login_key="", port=self.port).cookie.partition(";")[0].partition("=")[2]

    def graphql(self, session: requests.Session, query: str) -> Any:
        """Send a GraphQL query as the UI does."""
        response = session.post(f"{self.url}/graphql", json={"query": query}, timeout=60)
        response.raise_for_status()
        return response.json()["data"]


@contextmanager
def dagster_web(folder: Path, **variables: str) -> Iterator[DagsterWeb]:
    """Start the server and wait until it responds."""
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(CONFIGURATION, encoding="utf-8")
    code = folder / "trial.py"
    code.write_text(CODE, encoding="utf-8")
    workspace = folder / "workspace.yaml"
    workspace.write_text(f"load_from: [{{python_file: {{relative_path: {code}, location_name: trial}}}}]\n")
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "assets.web.server", "--port", str(port), "--workspace", str(workspace)],
            cwd=folder,
            env=build_environment(
                DAGSTER_HOME=str(home), AMOCRM_DAGSTER_SECRET=SECRET, **{LOGIN_KEY: KEY}, **variables
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            with suppress(requests.ConnectionError):
                requests.get(f"http://127.0.0.1:{port}/server_info", timeout=5).raise_for_status()
                break
            time.sleep(0.2)
        # One for all tests: opening it takes longer than what they ask it.
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield DagsterWeb(port=port, home=home, instance=instance)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
