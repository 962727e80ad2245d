"""``auth`` as a user calls it: access given in a browser or by a pasted code, seen, renewed, used; no secret shown."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from emulator import Emulator, effects, oauth
from emulator.things import Integration
from tests.command_line import command, environment, run


@dataclass(kw_only=True)
class Desk:
    """A user's folder, and the emulated account that its settings name."""

    emulator: Emulator
    folder: Path
    integration: Integration

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AMOCRM_HOST": self.emulator.host,
            "AMOCRM_CLIENT_ID": self.integration.client_id,
            "AMOCRM_CLIENT_SECRET": self.integration.client_secret,
            "AMOCRM_REDIRECT_URI": self.integration.redirect_uri,
        }

    def run(self, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end, with what the user types."""
        return subprocess.run(
            command(*arguments),
            cwd=self.folder,
            env=environment(**(self.variables | more)),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def login(self, *arguments: str) -> tuple[int, str, str]:
        """Let a browser do what the program asks for; its exit code, what it printed, and what the browser showed."""
        with subprocess.Popen(
            command("auth", "login", *arguments),
            cwd=self.folder,
            env=environment(**self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as program:
            assert program.stdout is not None
            printed = ""
            while "Waiting at" not in printed and (line := program.stdout.readline()):
                printed += line
            url = re.search(r"^ +(http://\S+)$", printed, re.MULTILINE)
            assert url is not None, printed
            requests.get(self.integration.redirect_uri + "favicon.ico", timeout=10)
            shown = requests.get(url[1], timeout=10)
            printed += program.stdout.read()
        return program.wait(), printed, shown.text

    def secrets(self) -> list[str]:
        """Everything that nobody may see: the client's secret, all codes, all tokens."""
        return [self.integration.client_secret, *self.emulator.world.grants, "eyJ"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Emulator() as emulator, socket.create_server(("127.0.0.1", 0)) as free:
        emulator.world.add_account("Corner Coffee")
        port = free.getsockname()[1]
        free.close()
        integration = oauth.add_integration(emulator.world, f"http://127.0.0.1:{port}/")
        yield Desk(emulator=emulator, folder=tmp_path, integration=integration)


def test_access_from_a_browser_to_a_load(desk: Desk, postgres_url: str) -> None:
    code, printed, shown = desk.login()
    account_id = next(iter(desk.emulator.world.accounts))
    assert (code, "You can close this window" in shown) == (0, True)
    assert f"account 'main' (Corner Coffee, id {account_id}): OAuth, good until " in printed
    status = desk.run("auth", "status", "--json")
    [account] = json.loads(status.stdout)["accounts"]
    assert (status.returncode, account["kind"], account["is_renewed"], account["error"]) == (0, "OAuth", True, None)
    renewed = desk.run("auth", "refresh")
    assert (renewed.returncode, renewed.stderr) == (0, "")
    assert "good until" in renewed.stdout
    checked = desk.run("doctor", DATABASE_URL=postgres_url)
    assert "OAuth, good until" in checked.stdout
    assert "Corner Coffee" in checked.stdout
    desk.emulator.clock.advance(timedelta(hours=24))
    loaded = desk.run("sync", "--json", DATABASE_URL=postgres_url)
    [outcome] = json.loads(loaded.stdout)["accounts"]
    assert (loaded.returncode, outcome["status"], outcome["account_id"]) == (0, "loaded", account_id)
    verbose = desk.run("--verbose", "auth", "refresh", AMOCRM_CLIENT_SECRET="wrong-canary")
    assert verbose.returncode == 4
    everything = [printed, shown, *(f"{one.stdout}{one.stderr}" for one in (status, renewed, checked, loaded, verbose))]
    everything += [
        path.read_text(errors="replace")
        for path in desk.folder.rglob("*")
        if path.is_file() and path.parent.name != "tokens"
    ]
    assert not [secret for secret in [*desk.secrets(), "canary"] for text in everything if secret in text]


def test_a_code_that_is_pasted(desk: Desk) -> None:
    consent = f"{desk.emulator.url}/oauth?client_id={desk.integration.client_id}"
    address = requests.get(consent, allow_redirects=False, timeout=10).headers["Location"]
    refused = desk.run("auth", "login", "--paste", typed=f"{address}\n")
    assert refused.returncode == 19
    assert "Error: account 'main': That address answers another question than the one just asked." in refused.stderr
    code = re.search(r"code=(\w+)", address)
    assert code is not None
    given = desk.run("auth", "login", "--paste", typed=f"{code[1]}\n")
    assert given.returncode == 0
    assert "Paste the address" in given.stdout
    assert code[1] not in given.stdout
    again = desk.run("auth", "login", "--paste", typed=f"{code[1]}\n")
    assert again.returncode == 19
    assert "The code brought no tokens." in again.stderr
    assert code[1] not in again.stderr
    assert desk.run("auth", "status").returncode == 0


def test_access_that_is_lost_is_told_by_every_command(desk: Desk, postgres_url: str) -> None:
    never = desk.run("auth", "status")
    assert (never.returncode, "OAuth, no access. Nobody has given access" in never.stdout) == (19, True)
    assert desk.login()[0] == 0
    desk.emulator.faults.add(effects.reset(), resource="token", times=1)
    lost = desk.run("auth", "refresh")
    assert lost.returncode == 19
    assert "The tokens are lost" in lost.stderr
    asked = len(desk.emulator.requests)
    for arguments in (["auth", "status"], ["auth", "refresh"], ["doctor"]):
        done = desk.run(*arguments, DATABASE_URL=postgres_url)
        assert done.returncode == 19
        assert "auth login" in re.sub(r"\s+", " ", done.stdout + done.stderr)
    assert len(desk.emulator.requests) == asked
    assert desk.login()[0] == 0
    assert desk.run("auth", "status").returncode == 0


def test_a_port_that_is_taken(desk: Desk) -> None:
    port = int(desk.integration.redirect_uri.rstrip("/").rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        done = desk.run("auth", "login")
    assert done.returncode == 2
    assert "nobody can listen" in done.stderr
    assert "--paste" in done.stderr


def test_a_long_lived_token_needs_none_of_it(desk: Desk) -> None:
    token = desk.emulator.long_lived_token(next(iter(desk.emulator.world.accounts)))
    variables = {"AMOCRM_HOST": desk.emulator.host, "AMOCRM_TOKEN": token}
    status = run("auth", "status", folder=desk.folder, **variables)
    assert (status.returncode, "long-lived token, good until" in status.stdout) == (0, True)
    for name in ("login", "refresh"):
        done = run("auth", name, folder=desk.folder, **variables)
        assert done.returncode == 2
        assert "has a long-lived token" in done.stderr
        assert token not in done.stdout + done.stderr
    old = desk.emulator.long_lived_token(
        next(iter(desk.emulator.world.accounts)), desk.emulator.clock.now() - timedelta(days=1)
    )
    ended = run("auth", "status", folder=desk.folder, **variables | {"AMOCRM_TOKEN": old})
    assert (ended.returncode, "ended on" in ended.stdout) == (4, True)


def test_without_settings(tmp_path: Path) -> None:
    for name in ("login", "status", "refresh"):
        done = run("auth", name, folder=tmp_path)
        assert (done.returncode, "AMOCRM_HOST" in done.stderr) == (2, True)
