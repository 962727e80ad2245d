"""The emulator as a program, controlled over HTTP."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator import Emulator, state
from tests.integration.emulator.raw_client import SEGMENTS, Client

ROOT = Path(__file__).parents[3]


# Steered from another process


def test_the_emulator_is_steered_over_http(emulator: Emulator, account_id: int, client: Client) -> None:
    steer = emulator.url + "/_emulator/"
    assert requests.get(steer + "state", timeout=5).json() == {
        "is_simulated": True,
        "now": "2026-03-01T09:00:00+00:00",
        "accounts": [{"id": account_id, "name": "Corner Coffee", "customers_mode": "segments"}],
        "faults": [],
        "requests": 0,
    }
    fault = {"name": "error", "arguments": {"code": 402}, "where": {"resource": "segments", "times": 1}}
    requests.post(steer + "faults", json=fault, timeout=5).raise_for_status()
    assert [client.get(SEGMENTS)[0].status for _ in range(2)] == [402, 200]
    requests.post(steer + "faults", json={"name": "blocked"}, timeout=5).raise_for_status()
    assert client.get(SEGMENTS)[0].status == 403
    requests.delete(steer + "faults", timeout=5).raise_for_status()
    assert client.get(SEGMENTS)[0].status == 200

    assert requests.post(steer + "advance", json={"days": 2}, timeout=5).json()["now"].startswith("2026-03-03T09")
    quirks = {"customers_order": "updated_at"}
    assert requests.post(steer + "quirks", json=quirks, timeout=5).json()["customers_order"] == "updated_at"
    moved = requests.post(steer + "clock", json={"instant": "2027-01-01T03:00:00+03:00"}, timeout=5).json()
    assert moved["now"] == "2027-01-01T00:00:00+00:00"
    client_id = requests.post(steer + "integrations", json={"redirect_uri": "http://x/"}, timeout=5).json()["client_id"]
    consent = f"{emulator.url}/oauth?client_id={client_id}"
    assert requests.get(consent, allow_redirects=False, timeout=5).headers["Location"].startswith("http://x/?code=")
    token = requests.post(steer + "tokens", json={"account_id": account_id}, timeout=5).json()["access_token"]
    assert (
        requests.get(emulator.url + SEGMENTS, headers={"Authorization": f"Bearer {token}"}, timeout=5).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "faults", {"name": "earthquake"}, 400),
        ("POST", "faults", {"name": "blocked", "where": {"colour": "red"}}, 400),
        ("POST", "quirks", {"mood": "bad"}, 400),
        ("POST", "clock", {"instant": "2026-03-01"}, 400),
        ("POST", "advance", {"parsecs": 1}, 400),
        ("POST", "tokens", {"account_id": 5}, 400),
        ("POST", "tokens", [], 400),
        ("GET", "secrets", None, 404),
    ],
)
def test_steering_wrongly_is_refused(emulator: Emulator, method: str, path: str, body: Any, status: int) -> None:
    before = emulator.world.to_json()
    response = requests.request(method, f"{emulator.url}/_emulator/{path}", json=body, timeout=5)
    assert response.status_code == status
    assert emulator.world.to_json() == before


FOREIGN = [
    {"Host": "rebound.example"},
    {"Host": "127.0.0.1.rebound.example"},
    {"Host": "rebound.example", "Origin": "http://rebound.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Referer": "http://evil.example/"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_emulator/state"),
        ("POST", "/_emulator/advance"),
        ("POST", "/_emulator/tokens"),
        ("DELETE", "/_emulator/faults"),
        ("GET", SEGMENTS),
        ("POST", SEGMENTS),
        ("GET", "/oauth"),
    ],
)
def test_no_website_reaches_it(
    emulator: Emulator, account_id: int, method: str, path: str, headers: dict[str, str]
) -> None:
    before = (emulator.clock.now(), emulator.world.to_json())
    refused = requests.request(method, emulator.url + path, json={"days": 1}, headers=headers, timeout=5)
    assert refused.status_code == 403
    assert (emulator.clock.now(), emulator.world.to_json()) == before


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data", ""],
)
def test_it_is_steered_by_json_alone(emulator: Emulator, kind: str) -> None:
    before = emulator.clock.now()
    for path in ("advance", "clock", "tokens", "integrations", "faults"):
        sent = requests.post(
            f"{emulator.url}/_emulator/{path}", data='{"days": 1}', headers={"Content-Type": kind}, timeout=5
        )
        assert sent.status_code == 403
    assert emulator.clock.now() == before


def test_a_page_is_not_allowed_to_ask_for_more(emulator: Emulator) -> None:
    asked = requests.options(
        f"{emulator.url}/_emulator/faults",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "DELETE"},
        timeout=5,
    )
    assert (asked.ok, [name for name in asked.headers if name.lower().startswith("access-control")]) == (False, [])


def test_a_browser_may_follow_a_link_to_the_consent_page_alone(emulator: Emulator) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert requests.get(f"{emulator.url}/oauth", headers=link, timeout=5).status_code == 400, "no client is named"
    assert requests.get(f"{emulator.url}/_emulator/state", headers=link, timeout=5).status_code == 403


# The file of its state


def test_the_state_is_its_owners_alone_whatever_the_umask(tmp_path: Path, emulator: Emulator) -> None:
    file = tmp_path / "state.json"
    before = os.umask(0)
    try:
        state.save(file, emulator.world, emulator.simulations)
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o644)  # as versions before have left it
        state.save(file, emulator.world, emulator.simulations)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_planted_links_are_neither_followed_nor_kept(tmp_path: Path, emulator: Emulator) -> None:
    file, victim = tmp_path / "state.json", tmp_path / "victim"
    victim.write_text("precious")
    for planted in (file, *(tmp_path / f"state.json.{pid}.new" for pid in (os.getpid(), os.getpid() + 1))):
        planted.symlink_to(victim)
    with pytest.raises(state.StateError, match="link"):
        state.load(file)
    state.save(file, emulator.world, emulator.simulations)
    assert victim.read_text() == "precious"
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)


def test_a_pipe_is_no_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.json")
    with pytest.raises(state.StateError, match="no ordinary file"):
        state.load(tmp_path / "state.json")


# As a program


class Program:
    """``python -m emulator`` until the end of a ``with``."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments

    def __enter__(self) -> "Program":
        command = [sys.executable, "-m", "emulator", *self.arguments]
        environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
        assert self.process.stdout is not None
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        words = dict(line.split(maxsplit=1) for line in self.lines if line.startswith(("URL", "Token")))
        self.url, self.headers = words["URL"], {"Authorization": f"Bearer {words['Token']}"}
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def get(self, path: str) -> Any:
        return requests.get(self.url + path, headers=self.headers, timeout=5).json()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def test_the_program_says_what_it_is_and_goes_on_from_its_state(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state.json"
    with Program("--state", str(state), "--seed", "5", "--stand-still") as program:
        assert any("SIMULATED" in line for line in program.lines)
        requests.post(program.url + "/_emulator/advance", json={"days": 3}, timeout=5).raise_for_status()
        names = [item["name"] for item in program.get(SEGMENTS)["_embedded"]["segments"]]
        now = requests.get(program.url + "/_emulator/state", timeout=5).json()["now"]
        first = program.get(SEGMENTS)["_embedded"]["segments"]
        assert program.stop(signal.SIGTERM) == 0
        headers = program.headers
    assert len(names) >= 12
    with Program("--state", str(state), "--stand-still") as program:
        assert requests.get(program.url + "/_emulator/state", timeout=5).json()["now"] == now
        program.headers = headers  # the old token is still good
        again = program.get(SEGMENTS)["_embedded"]["segments"]
        assert [one | {"_links": None} for one in again] == [one | {"_links": None} for one in first]
        assert program.stop(signal.SIGINT) == 0


def test_the_program_shows_stages_in_real_time_and_what_to_write_into_the_settings() -> None:
    with Program("--mode", "periodicity", "--account-id", "777") as program:
        token = program.headers["Authorization"].removeprefix("Bearer ")
        assert f"AMOCRM_HOST={program.url.removeprefix('http://')}" in program.lines
        assert f"AMOCRM_TOKEN={token}" in program.lines
        assert program.get("/api/v4/account")["id"] == 777
        assert len(program.get("/api/v4/customers/statuses")["_embedded"]["statuses"]) >= 8
        now = datetime.fromisoformat(requests.get(program.url + "/_emulator/state", timeout=5).json()["now"])
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
        assert program.stop(signal.SIGTERM) == 0


def test_one_program_serves_several_accounts_with_names_and_hosts_of_their_own(tmp_path: Path) -> None:
    saved = tmp_path / "state.json"
    chosen = ("--name", "Альфа", "--name", "Beta", "--accounts", "3", "--customers", "60", "--days", "20")
    with Program("--state", str(saved), *chosen) as program:
        text = "\n".join(program.lines)
        hosts = re.findall(r'^host = "(.+)"$', text, re.MULTILINE)
        tokens = re.findall(r"^ACCOUNT\d_TOKEN=(.+)$", text, re.MULTILINE)
        shown = []
        for host, token in zip(hosts, tokens, strict=True):
            headers = {"Authorization": f"Bearer {token}"}
            account = requests.get(f"http://{host}/api/v4/account", headers=headers, timeout=5).json()
            customers = requests.get(f"http://{host}/api/v4/customers?limit=250", headers=headers, timeout=5).json()
            shown.append((account["name"], account["id"], len(customers["_embedded"]["customers"]) >= 60))
        assert program.stop(signal.SIGTERM) == 0
    assert [name for name, _, _ in shown[:2]] == ["Альфа", "Beta"]
    assert len({(name, one) for name, one, _ in shown}) == len(set(hosts)) == 3
    assert all(has_customers for _, _, has_customers in shown)
    with Program("--state", str(saved)) as program:
        assert [line.partition(",")[0] for line in program.lines if ", id " in line] == [name for name, _, _ in shown]


@pytest.mark.parametrize(("port", "reason"), [(None, "in use"), ("70000", "0-65535")])
def test_the_program_says_that_a_port_is_taken_or_none(emulator: Emulator, port: str | None, reason: str) -> None:
    command = [sys.executable, "-m", "emulator", "--port", port or emulator.host.partition(":")[2], "--days", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=20, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert reason in done.stderr


@pytest.mark.parametrize("content", ["{}", "not JSON", '{"format": 99}', '{"format": 1, "world": {}}'])
def test_the_program_refuses_a_state_it_does_not_know(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "emulator", "--state", str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=20, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert str(state) in done.stderr
    assert state.read_text(encoding="utf-8") == content


def test_the_program_limits_and_blocks_who_goes_on() -> None:
    with Program("--limit", "1", "--block-after", "2") as program:
        url = program.url + SEGMENTS
        statuses = [requests.get(url, headers=program.headers, timeout=5).status_code for _ in range(4)]
    assert statuses == [200, 429, 403, 403]
