"""``dev``: Dagster on the user's warehouse serves pages and ends completely on a signal."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import make_url

from commands.workspace import WORKSPACE_TEXT
from emulator import Emulator
from tests.command_line import ROOT, build_environment, command_line, free_port, run, running_processes


def ask(browser: requests.Session, port: int, query: str) -> Any:
    """Ask Dagster's GraphQL API."""
    response = browser.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=60)
    return response.json()["data"]


def log_in(dev: subprocess.Popen[str]) -> tuple[requests.Session, str]:
    """Open the address that ``dev`` prints; the browser's session, and the address's key."""
    assert dev.stdout is not None
    found = re.search(r"http://\S+/login\?key=\S+", dev.stdout.readline())
    assert found is not None
    browser = requests.Session()
    assert browser.get(found[0], timeout=60).status_code == 200
    assert requests.get(found[0], timeout=60).status_code == 401, "it works once"
    return browser, found[0].partition("key=")[2]


@contextmanager
def running_dev(folder: Path, port: int, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """``dev`` from the moment it says where its pages are."""
    dev = subprocess.Popen(
        command_line("dev", "--port", str(port)),
        cwd=folder,
        env=build_environment(PYTHONUNBUFFERED="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert dev.stdout is not None
    try:
        assert dev.stdout.readline() == "Starting Dagster …\n"
        said = next(line for line in dev.stdout if "is starting, " not in line)  # printed on a slow machine
        assert f"http://127.0.0.1:{port} " in said, said + dev.stdout.read()
        yield dev
    finally:
        dev.kill()
        dev.communicate()


def environments(folder: Path) -> list[dict[str, str]]:
    """What the processes that have to do with the folder were started with."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            program = (process / "cmdline").read_text(encoding="utf-8")
            if str(folder) in program:
                lines = (process / "environ").read_text(encoding="utf-8").split("\0")
                found.append({"": program} | dict(line.split("=", 1) for line in lines if "=" in line))
    return found


def test_it_serves_the_accounts_of_the_settings_and_leaves_nothing(tmp_path: Path, postgres_url: str) -> None:
    port = free_port()
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    there = "AMOCRM_SCHEDULE_CRON=5 * * * *\nAMOCRM_SCHEDULE_TIMEZONE=Asia/Tokyo\nDATABASE_URL=postgresql://nobody@nowhere/x"
    (tmp_path / ".env").write_text(f"{example}\n{there}\n", encoding="utf-8")
    with Emulator() as emulator:
        token = emulator.long_lived_token(emulator.world.add_account("Corner Coffee"))
        variables = {"AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": token, "DATABASE_URL": postgres_url}
        variables["AMOCRM_SCHEDULE_CRON"] = "7 * * * *"
        with running_dev(tmp_path, port, **variables) as dev:
            browser, key = log_in(dev)
            refused = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{version}"}, timeout=60)
            assert refused.status_code == 401, "another user of the machine"
            foreign = {"Host": "evil.example"}
            assert browser.get(f"http://127.0.0.1:{port}/", headers=foreign, timeout=60).status_code == 403
            partitions = ask(
                browser,
                port,
                '{assetNodeOrError(assetKey: {path: ["amocrm", "raw_answer"]}) {... on AssetNode {partitionKeys}}}',
            )
            schedules = ask(
                browser,
                port,
                "{schedulesOrError(repositorySelector: "
                '{repositoryName: "__repository__", repositoryLocationName: "amocrm"}) '
                "{... on Schedules {results {name cronSchedule executionTimezone scheduleState {status}}}}}",
            )
            started_with = environments(tmp_path)
            dev.send_signal(signal.SIGTERM)
            assert dev.wait(60) == 128 + signal.SIGTERM
        assert partitions["assetNodeOrError"]["partitionKeys"] == ["main"]
        assert [(one["name"], one["scheduleState"]["status"]) for one in schedules["schedulesOrError"]["results"]] == [
            ("housekeeping", "RUNNING"),
            ("load_accounts", "STOPPED"),
            ("scan_customers", "STOPPED"),
        ]
        load = schedules["schedulesOrError"]["results"][1]
        assert (load["cronSchedule"], load["executionTimezone"]) == ("7 * * * *", "Asia/Tokyo"), "the environment wins"
        assert {one["DATABASE_URL"] for one in started_with} == {postgres_url}
        knowing = [one for one in started_with if one.get("AMOCRM_DAGSTER_LOGIN_KEY")]
        assert {one["AMOCRM_DAGSTER_LOGIN_KEY"] for one in knowing} == {key}
        assert all("assets.web.server" in one[""] for one in knowing), "neither the daemon nor code servers know it"
        secrets = (key, token, str(make_url(postgres_url).password))
        assert not [one for one in started_with if any(secret in one[""] for secret in secrets)], "no process shows one"
        assert {one["AMOCRM_DAGSTER_URL"] for one in started_with} == {f"http://127.0.0.1:{port}"}
        assert not running_processes(tmp_path)
        found = run("doctor", "--json", folder=tmp_path, **variables)
    checks = {check["subject"]: check for check in json.loads(found.stdout)["checks"]}
    assert checks["schedule"]["finding"].startswith("Off.")
    logs = [tmp_path / "data/dagster" / name for name in ("web-server.log", "daemon.log")]
    assert not [log for log in logs if token in log.read_text("utf-8") or key in log.read_text("utf-8")]


def test_an_occupied_port_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        result = run("dev", "--port", str(listener.getsockname()[1]), folder=tmp_path)
    assert result.returncode == 2
    assert "--port" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_has_the_same_workspace_as_a_clone() -> None:
    assert (ROOT / "workspace.yaml").read_text(encoding="utf-8") == WORKSPACE_TEXT
