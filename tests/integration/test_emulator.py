"""The emulator over real HTTP: what a client meets on the wire, with each fault in turn, and the program as a whole."""

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator import Clock, Emulator, RateLimit, Story, World, effects
from emulator.faults import Effect

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEGMENTS = "/api/v4/customers/segments"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=Clock(NOW)) as running:
        yield running


@pytest.fixture
def account_id(emulator: Emulator) -> int:
    account_id = emulator.world.add_account()
    for number in range(7):
        emulator.world.add_segment(account_id, f"Сегмент {number}", size=number)
    return account_id


class Client:
    """A plain client that hides nothing: status, headers and bytes as they come."""

    def __init__(self, emulator: Emulator, account_id: int) -> None:
        self.connection = http.client.HTTPConnection(emulator.host, timeout=5)
        self.token = emulator.long_lived_token(account_id)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"} | headers)
        response = self.connection.getresponse()
        return response, response.read()


@pytest.fixture
def client(emulator: Emulator, account_id: int) -> Iterator[Client]:
    client = Client(emulator, account_id)
    yield client
    client.connection.close()


def test_an_answer_is_as_the_page_says(client: Client) -> None:
    response, body = client.get(SEGMENTS + "?limit=2&page=2")
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/hal+json"
    assert response.headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert len(response.headers["X-Request-Id"]) == 36
    assert response.headers["Content-Encoding"] is None
    document = json.loads(body)
    assert document["_links"]["next"]["href"] == f"http://127.0.0.1:{client.connection.port}{SEGMENTS}?page=3&limit=2"
    again, _ = client.get(SEGMENTS)
    assert again.headers["X-Request-Id"] != response.headers["X-Request-Id"]


def test_a_client_may_follow_the_links(emulator: Emulator, account_id: int) -> None:
    headers = {"Authorization": f"Bearer {emulator.long_lived_token(account_id)}"}
    url, seen = f"{emulator.url}{SEGMENTS}?limit=3", []
    while url:
        document = requests.get(url, headers=headers, timeout=5).json()
        seen += [item["id"] for item in document["_embedded"]["segments"]]
        url = document["_links"].get("next", {}).get("href")
    assert seen == [item["id"] for item in emulator.world.shown_segments(account_id)]


def test_any_text_arrives(emulator: Emulator, account_id: int, client: Client) -> None:
    for name in ("\x00", "\ud800", "\u202eبالعربية", "😀" * 1000, '</script>"\\{}%s$$'):
        segment_id = emulator.world.add_segment(account_id, name)
        response, body = client.get(f"{SEGMENTS}/{segment_id}")
        assert (response.status, json.loads(body.decode("utf-8"))["name"]) == (200, name)


def test_gzip_only_for_those_who_take_it(client: Client) -> None:
    _, plain = client.get(SEGMENTS)
    response, body = client.get(SEGMENTS, **{"Accept-Encoding": "gzip, br"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plain
    assert len(body) < len(plain)


def test_204_has_no_body_and_the_connection_serves_on(client: Client) -> None:
    sock = None
    for path, status in [(SEGMENTS + "?page=9", 204), (SEGMENTS, 200), ("/nowhere", 404), (SEGMENTS, 200)]:
        response, body = client.get(path)
        assert (response.status, bool(body)) == (status, status != 204)
        sock = sock or client.connection.sock
        assert client.connection.sock is sock, "one connection for all"


def test_other_methods_are_refused(emulator: Emulator, account_id: int) -> None:
    headers = {"Authorization": f"Bearer {emulator.long_lived_token(account_id)}"}
    answer = requests.put(emulator.url + "/api/v4/account", headers=headers, json={}, timeout=5)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_every_request_is_logged(emulator: Emulator, account_id: int, client: Client) -> None:
    client.get(SEGMENTS + "?page=2&limit=3", **{"X-Mine": "1"})
    (logged,) = emulator.requests
    assert (logged.method, logged.path, logged.query) == ("GET", SEGMENTS, {"page": "2", "limit": "3"})
    assert (logged.headers["x-mine"], logged.headers["authorization"]) == ("1", f"Bearer {client.token}")
    assert logged.at == NOW


def test_a_body_in_chunks_is_read(emulator: Emulator, account_id: int) -> None:
    requests.put(emulator.url + "/api/v4/account", data=iter([b"one", b"two"]), timeout=5)
    assert emulator.requests[-1].body == b"onetwo"


def test_many_accounts_on_one_port(emulator: Emulator, account_id: int) -> None:
    other = emulator.world.add_account()
    emulator.world.add_segment(other, "Other")
    clients = {one: Client(emulator, one) for one in (account_id, other)}
    for one, client in clients.items():
        _, body = client.get(SEGMENTS)
        shown = [item["id"] for item in json.loads(body)["_embedded"]["segments"]]
        assert shown == [item["id"] for item in emulator.world.shown_segments(one)]
        client.connection.close()


def test_threads_get_whole_answers_while_the_world_changes(emulator: Emulator, account_id: int) -> None:
    failures: list[object] = []

    def read() -> None:
        client = Client(emulator, account_id)
        for _ in range(30):
            _, body = client.get(SEGMENTS)
            document = json.loads(body)
            if len(document["_embedded"]["segments"]) != document["_total_items"]:
                failures.append(document)
        client.connection.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(40):
        emulator.world.add_segment(account_id, f"New {number}")
    for reader in readers:
        reader.join()
    assert failures == []


# Faults: each once, and what the client then meets


def document_of(client: Client, emulator: Emulator, effect: Effect, path: str = SEGMENTS + "?limit=3&page=2") -> Any:
    with emulator.faults.during(effect):
        _, body = client.get(path)
    return json.loads(body)


@pytest.mark.parametrize(
    ("effect", "status", "content_type", "part"),
    [
        (effects.status(503), 503, None, b""),
        (effects.status(418, "teapot", "text/tea", {"X-Tea": "green"}), 418, "text/tea", b"teapot"),
        (effects.error(402, "Unpaid"), 402, "application/problem+json", b'"detail":"Unpaid"'),
        (effects.error_called_200(), 200, "application/hal+json", b'"status":500'),
        (effects.html(), 200, effects.HTML, b"<html>"),
        (effects.blocked(), 403, effects.HTML, b"blocked"),
        (effects.too_many(in_body=300), 429, "application/problem+json", b'"retry_after":300'),
        (effects.too_many(in_header="7"), 429, "application/problem+json", b"Request limit exceeded"),
        (effects.too_many(is_html=True), 429, effects.HTML, b"<html>"),
        (effects.no_content(), 204, None, b""),
        (effects.body("[]"), 200, "application/hal+json", b"[]"),
        (effects.body("{}"), 200, "application/hal+json", b"{}"),
        (effects.raw(b"\x00\xff"), 200, "application/hal+json", b"\x00\xff"),
        (effects.content_type(), 200, "text/plain", b"_embedded"),
        (effects.bom(), 200, "application/hal+json", b"\xef\xbb\xbf{"),
        (effects.invalid_utf8(), 200, "application/hal+json", b"\xc3\x28\xff"),
        (effects.trailing_comma(), 200, "application/hal+json", b"},}"),
        (effects.literal("NaN"), 200, "application/hal+json", b'"odd":NaN}'),
        (effects.duplicate_keys(), 200, "application/hal+json", b'{"id":null,"id":1'),
        (effects.deep(50), 200, "application/hal+json", b"[" * 50 + b"]" * 50),
    ],
)
def test_a_fault_of_the_answer(
    emulator: Emulator, client: Client, effect: Effect, status: int, content_type: str | None, part: bytes
) -> None:
    with emulator.faults.during(effect) as fault:
        response, body = client.get(SEGMENTS)
    assert (response.status, response.headers["Content-Type"], fault.hits) == (status, content_type, 1)
    assert part in body
    whole, body = client.get(SEGMENTS)
    assert (whole.status, len(json.loads(body)["_embedded"]["segments"])) == (200, 7), "and then all is well"


def test_headers_of_faults(emulator: Emulator, client: Client) -> None:
    for effect, name, value in [
        (effects.too_many(in_header="7"), "Retry-After", "7"),
        (effects.redirect("http://elsewhere.invalid/"), "Location", "http://elsewhere.invalid/"),
        (effects.status(503, headers={"Retry-After": "86400"}), "Retry-After", "86400"),
    ]:
        with emulator.faults.during(effect):
            assert client.get(SEGMENTS)[0].headers[name] == value


def test_faults_of_pages(emulator: Emulator, client: Client) -> None:
    def document(effect: Effect, path: str = SEGMENTS + "?limit=3&page=2") -> Any:
        return document_of(client, emulator, effect, path)

    assert document(effects.page_number(9))["_page"] == 9
    assert "_page" not in document(effects.page_number(None))
    assert document(effects.page_count(4))["_page_count"] == 4
    assert document(effects.totals(99))["_total_items"] == 99
    assert "next" not in document(effects.no_next())["_links"]
    elsewhere = "http://elsewhere.invalid/?page=3"
    assert document(effects.next_link(elsewhere))["_links"]["next"]["href"] == elsewhere
    looping = document(effects.looping_next())["_links"]
    assert looping["next"] == looping["self"]
    last = SEGMENTS + "?limit=3&page=3"
    beyond = document(effects.one_more_page(), last)["_links"]["next"]["href"]
    assert beyond.endswith("page=4&limit=3")
    assert client.get(beyond)[0].status == 204
    assert document(effects.one_more_page())["_links"]["next"]["href"].endswith("page=3&limit=3")


@pytest.mark.parametrize("changes", [{}, {"name": "Another"}])
def test_an_id_on_two_pages(emulator: Emulator, client: Client, changes: dict[str, Any]) -> None:
    with emulator.faults.during(effects.repeated_thing(**changes), resource="segments"):
        first, second = (
            json.loads(client.get(f"{SEGMENTS}?limit=3&page={page}")[1])["_embedded"]["segments"] for page in (1, 2)
        )
    assert len(first) == 3
    assert second[3] == first[0] | changes


def test_rows_come_and_go_between_pages(emulator: Emulator, client: Client, account_id: int) -> None:
    add = effects.meanwhile(lambda world: world.add_segment(account_id, "In between", place=0))
    emulator.faults.add(add, resource="segments", page=2, times=1)
    first, second = (
        [item["name"] for item in json.loads(client.get(f"{SEGMENTS}?limit=3&page={page}")[1])["_embedded"]["segments"]]
        for page in (1, 2)
    )
    assert second[0] == first[2], "what was inserted shifted the pages"


def test_payloads_are_changed_for_one_answer_only(emulator: Emulator, client: Client, account_id: int) -> None:
    for segment_id in emulator.world.account(account_id).segments:
        emulator.world.set_segment_extra(account_id, segment_id, "tags", ["a"])
    before = emulator.world.to_json()

    def spoil(document: Any) -> Any:
        document["_embedded"]["segments"][0]["customers_count"] = "many"
        document["_embedded"]["segments"][0]["tags"].append("b")
        document["_embedded"]["segments"].pop()
        return document

    spoilt = document_of(client, emulator, effects.payload(spoil), SEGMENTS)["_embedded"]["segments"]
    assert (spoilt[0]["customers_count"], len(spoilt)) == ("many", 6)
    one_less = document_of(client, emulator, effects.items(lambda items: items[1:]), SEGMENTS)
    assert len(one_less["_embedded"]["segments"]) == 6
    assert emulator.world.to_json() == before
    assert len(json.loads(client.get(SEGMENTS)[1])["_embedded"]["segments"]) == 7


def test_a_body_that_breaks_off(emulator: Emulator, client: Client) -> None:
    whole = client.get(SEGMENTS)[1]
    with (
        emulator.faults.during(effects.truncated(0.5)),
        pytest.raises(http.client.IncompleteRead) as broken,
    ):
        client.get(SEGMENTS)
    assert broken.value.partial == whole[: len(whole) // 2]
    with emulator.faults.during(effects.truncated(0.5, is_announced=False)):
        response, body = client.get(SEGMENTS)
    assert response.headers["Content-Length"] is None
    assert body == whole[: len(whole) // 2]


def test_compression_that_is_broken(emulator: Emulator, client: Client) -> None:
    whole = client.get(SEGMENTS)[1]
    with emulator.faults.during(effects.gzip_cut_short()):
        response, body = client.get(SEGMENTS)
    assert response.headers["Content-Length"] == str(len(body))
    with pytest.raises(EOFError):
        gzip.decompress(body)
    with emulator.faults.during(effects.gzip_bad_crc()), pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(client.get(SEGMENTS)[1])
    with emulator.faults.during(effects.plain_called_gzip()):
        response, body = client.get(SEGMENTS, **{"Accept-Encoding": "gzip"})
    assert (response.headers["Content-Encoding"], body) == ("gzip", whole)
    with emulator.faults.during(effects.gzip_bomb(3)):
        response, body = client.get(SEGMENTS)
    assert response.headers["Content-Encoding"] == "gzip"
    assert (len(body) < 10_000, len(gzip.decompress(body))) == (True, 3 * 2**20 + 2)


@pytest.mark.parametrize("is_head_too", [False, True])
def test_an_answer_that_drips(emulator: Emulator, client: Client, is_head_too: bool) -> None:
    whole = client.get(SEGMENTS)[1]
    with emulator.faults.during(effects.drip(0.0001, 100, is_head_too)):
        assert client.get(SEGMENTS)[1] == whole


def raw_answer(emulator: Emulator) -> bytes:
    with socket.create_connection(("127.0.0.1", int(emulator.host.partition(":")[2])), timeout=5) as connection:
        connection.sendall(b"GET /api/v4/account HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


def test_a_connection_that_is_cut_or_closed(emulator: Emulator) -> None:
    with emulator.faults.during(effects.reset()), pytest.raises(ConnectionResetError):
        raw_answer(emulator)
    with emulator.faults.during(effects.hang_up()):
        assert raw_answer(emulator) == b""
    with emulator.faults.during(effects.hang_up(12)):
        assert raw_answer(emulator) == b"HTTP/1.1 401"


def test_silence_ends_with_the_emulator(emulator: Emulator) -> None:
    emulator.faults.add(effects.silence())
    with socket.create_connection(("127.0.0.1", int(emulator.host.partition(":")[2])), timeout=5) as connection:
        connection.sendall(b"GET /api/v4/account HTTP/1.1\r\nHost: x\r\n\r\n")
        while not emulator.requests:
            time.sleep(0.001)
        emulator.stop()
        assert connection.recv(1) == b""


def test_stopping_closes_port_and_connections(account_id: int, emulator: Emulator, client: Client) -> None:
    client.get(SEGMENTS)
    emulator.stop()
    emulator.stop()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client.get(SEGMENTS)
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


def test_limits_refuse_and_block(account_id: int, emulator: Emulator, client: Client) -> None:
    emulator.limit = RateLimit(per_second=2, blocks_after=2, now=lambda: 0.0)
    answers = [client.get(SEGMENTS) for _ in range(5)]
    assert [response.status for response, _ in answers] == [200, 200, 429, 403, 403]
    assert json.loads(answers[2][1])["retry_after"] == 1
    assert answers[3][0].headers["Content-Type"].startswith("text/html")


def test_a_story_is_told_on_by_the_clock_and_its_outages_answer_503() -> None:
    story = Story(1, NOW)
    world = World(clock=Clock(NOW))
    story.advance(world, NOW)
    with Emulator(world=world, story=story) as emulator:
        client = Client(emulator, story.account_id)
        first = client.get(SEGMENTS)[1]
        emulator.clock.advance(timedelta(days=1))
        assert client.get(SEGMENTS)[1] != first
        begins, ends = story.outages(NOW + timedelta(days=60))[0]
        emulator.clock.set(begins)
        assert client.get(SEGMENTS)[0].status == 503
        emulator.clock.set(ends)
        assert client.get(SEGMENTS)[0].status == 200
        client.connection.close()


# Steered from another process


def test_the_emulator_is_steered_over_http(emulator: Emulator, account_id: int, client: Client) -> None:
    steer = emulator.url + "/_emulator/"
    assert requests.get(steer + "state", timeout=5).json() == {
        "is_simulated": True,
        "now": "2026-03-01T12:00:00+00:00",
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

    assert requests.post(steer + "advance", json={"days": 2}, timeout=5).json()["now"].startswith("2026-03-03T12")
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
        ("POST", "clock", {"instant": "2026-03-01"}, 400),
        ("POST", "advance", {"parsecs": 1}, 400),
        ("POST", "tokens", {"account_id": 5}, 400),
        ("POST", "tokens", [], 400),
        ("GET", "secrets", None, 404),
    ],
)
def test_steering_wrongly_is_refused(emulator: Emulator, method: str, path: str, body: Any, status: int) -> None:
    before = emulator.world.to_json()
    answer = requests.request(method, f"{emulator.url}/_emulator/{path}", json=body, timeout=5)
    assert answer.status_code == status
    assert emulator.world.to_json() == before


def test_only_this_machine_steers(emulator: Emulator) -> None:
    headers = {"Host": "rebound.example"}
    assert requests.get(emulator.url + "/_emulator/state", headers=headers, timeout=5).status_code == 403


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
    with Program("--state", str(state), "--seed", "5") as program:
        assert any("SIMULATED" in line for line in program.lines)
        requests.post(program.url + "/_emulator/advance", json={"days": 3}, timeout=5).raise_for_status()
        names = [item["name"] for item in program.get(SEGMENTS)["_embedded"]["segments"]]
        now = requests.get(program.url + "/_emulator/state", timeout=5).json()["now"]
        first = program.get(SEGMENTS)["_embedded"]["segments"]
        assert program.stop(signal.SIGTERM) == 0
        headers = program.headers
    assert len(names) >= 12
    with Program("--state", str(state)) as program:
        assert requests.get(program.url + "/_emulator/state", timeout=5).json()["now"] == now
        program.headers = headers  # the old token is still good
        again = program.get(SEGMENTS)["_embedded"]["segments"]
        assert [one | {"_links": None} for one in again] == [one | {"_links": None} for one in first]
        assert program.stop(signal.SIGINT) == 0


def test_the_program_shows_stages_in_real_time() -> None:
    with Program("--mode", "periodicity", "--real-time") as program:
        assert len(program.get("/api/v4/customers/statuses")["_embedded"]["statuses"]) >= 8
        now = datetime.fromisoformat(requests.get(program.url + "/_emulator/state", timeout=5).json()["now"])
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
        assert program.stop(signal.SIGTERM) == 0


def test_the_program_says_that_a_port_is_taken(emulator: Emulator) -> None:
    command = [sys.executable, "-m", "emulator", "--port", emulator.host.partition(":")[2]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=20, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "in use" in done.stderr


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
