"""``auth``: grant access by browser or pasted code, show it, renew it; no secret is printed."""

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
from emulator.entities import Integration
from tests.command_line import build_environment, command_line, free_port, run


@dataclass(kw_only=True)
class UserFolder:
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
        return run(*arguments, folder=self.folder, typed=typed, **(self.variables | more))

    def login(self, *arguments: str) -> tuple[int, str, str]:
        """Let a browser do what the program asks for; its exit code, what it printed, and what the browser showed."""
        with subprocess.Popen(
            command_line("auth", "login", *arguments),
            cwd=self.folder,
            env=build_environment(**self.variables),
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
def user(tmp_path: Path) -> Iterator[UserFolder]:
    with Emulator() as emulator:
        emulator.world.add_account("Corner Coffee")
        integration = oauth.add_integration(emulator.world, f"http://127.0.0.1:{free_port()}/")
        yield UserFolder(emulator=emulator, folder=tmp_path, integration=integration)


def test_access_from_a_browser_to_a_load(user: UserFolder, postgres_url: str) -> None:
    code, printed, shown = user.login()
    account_id = next(iter(user.emulator.world.accounts))
    assert (code, "You can close this window" in shown) == (0, True)
    assert f"account 'main' (Corner Coffee, id {account_id}): The OAuth access is valid until " in printed
    status = user.run("auth", "status", "--json")
    [account] = json.loads(status.stdout)["accounts"]
    assert (status.returncode, account["kind"], account["is_renewed"], account["error"]) == (0, "OAuth", True, None)
    renewed = user.run("auth", "refresh")
    assert (renewed.returncode, renewed.stderr) == (0, "")
    assert "valid until" in renewed.stdout
    checked = user.run("doctor", DATABASE_URL=postgres_url)
    assert "The OAuth access is valid until" in " ".join(checked.stdout.split())
    assert "Corner Coffee" in checked.stdout
    user.emulator.clock.advance(timedelta(hours=24))
    loaded = user.run("sync", "--json", DATABASE_URL=postgres_url)
    [outcome] = json.loads(loaded.stdout)["accounts"]
    assert (loaded.returncode, outcome["status"], outcome["account_id"]) == (0, "loaded", account_id)
    verbose = user.run("--verbose", "auth", "refresh", AMOCRM_CLIENT_SECRET="wrong-canary")
    assert verbose.returncode == 4
    everything = [printed, shown, *(f"{one.stdout}{one.stderr}" for one in (status, renewed, checked, loaded, verbose))]
    everything += [
        path.read_text(errors="replace")
        for path in user.folder.rglob("*")
        if path.is_file() and path.parent.name != "tokens"
    ]
    assert not [secret for secret in [*user.secrets(), "canary"] for text in everything if secret in text]


def test_a_code_that_is_pasted(user: UserFolder) -> None:
    consent = f"{user.emulator.url}/oauth?client_id={user.integration.client_id}"
    address = requests.get(consent, allow_redirects=False, timeout=10).headers["Location"]
    refused = user.run("auth", "login", "--paste", typed=f"{address}\n")
    assert refused.returncode == 19
    assert "Error: account 'main': That address belongs to another login attempt." in refused.stderr
    code = re.search(r"code=(\w+)", address)
    assert code is not None
    given = user.run("auth", "login", "--paste", typed=f"{code[1]}\n")
    assert given.returncode == 0
    assert "Paste the address" in given.stdout
    assert code[1] not in given.stdout
    again = user.run("auth", "login", "--paste", typed=f"{code[1]}\n")
    assert again.returncode == 19
    assert "issued no tokens for the code." in again.stderr
    assert code[1] not in again.stderr
    assert user.run("auth", "status").returncode == 0


def test_every_command_reports_lost_access(user: UserFolder, postgres_url: str) -> None:
    never = user.run("auth", "status")
    assert (never.returncode, "Access to the account has not been granted" in never.stdout) == (19, True)
    assert user.login()[0] == 0
    user.emulator.faults.add(effects.reset(), resource="token", times=1)
    lost = user.run("auth", "refresh")
    assert lost.returncode == 19
    assert "The tokens are lost" in lost.stderr
    requests_sent = len(user.emulator.requests)
    for arguments in (["auth", "status"], ["auth", "refresh"], ["doctor"]):
        done = user.run(*arguments, DATABASE_URL=postgres_url)
        assert done.returncode == 19
        assert "auth login" in re.sub(r"\s+", " ", done.stdout + done.stderr)
    assert len(user.emulator.requests) == requests_sent
    assert user.login()[0] == 0
    assert user.run("auth", "status").returncode == 0


def test_a_port_that_is_taken(user: UserFolder) -> None:
    port = int(user.integration.redirect_uri.rstrip("/").rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        done = user.run("auth", "login")
    assert done.returncode == 2
    assert "cannot listen at" in done.stderr
    assert "--paste" in done.stderr


def test_a_long_lived_token_needs_none_of_it(user: UserFolder) -> None:
    token = user.emulator.long_lived_token(next(iter(user.emulator.world.accounts)))
    variables = {"AMOCRM_HOST": user.emulator.host, "AMOCRM_TOKEN": token}
    status = run("auth", "status", folder=user.folder, **variables)
    assert (status.returncode, "The long-lived token is valid until" in status.stdout) == (0, True)
    for name in ("login", "refresh"):
        done = run("auth", name, folder=user.folder, **variables)
        assert done.returncode == 2
        assert "has a long-lived token" in done.stderr
        assert token not in done.stdout + done.stderr
    old = user.emulator.long_lived_token(
        next(iter(user.emulator.world.accounts)), user.emulator.clock.now() - timedelta(days=1)
    )
    ended = run("auth", "status", folder=user.folder, **variables | {"AMOCRM_TOKEN": old})
    assert (ended.returncode, "expired on" in ended.stdout) == (4, True)


def test_without_settings(tmp_path: Path) -> None:
    for name in ("login", "status", "refresh"):
        done = run("auth", name, folder=tmp_path)
        assert (done.returncode, "AMOCRM_HOST" in done.stderr) == (2, True)
