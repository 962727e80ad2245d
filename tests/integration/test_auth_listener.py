"""The port for amoCRM's redirect: only the right state ends the wait."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from commands.auth.listener import RedirectListener

STATE = "the-state-of-this-login"


class Waiting:
    """A listener that waits in a thread of its own."""

    def __init__(self, listener: RedirectListener, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/back"
        self.address: str | None = None
        self._listener = listener
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        self.address = self._listener.wait(20)

    def has_ended(self) -> bool:
        self._thread.join(0.2)
        return not self._thread.is_alive()

    def come_back(self, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}?code=right&state={STATE}", headers=headers, timeout=5)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with RedirectListener(f"http://127.0.0.1:{port}/back", STATE) as listener:
        waiting = Waiting(listener, port)
        yield waiting
        waiting._listener.finish()
        waiting._thread.join()


def raw(data: bytes) -> Callable[[Waiting, ExitStack], None]:
    """Send bytes and leave the connection open."""

    def send(waiting: Waiting, stack: ExitStack) -> None:
        stack.enter_context(socket.create_connection(("127.0.0.1", waiting.port), timeout=5)).sendall(data)

    return send


def get(target: str, method: str = "GET", **headers: str) -> Callable[[Waiting, ExitStack], None]:
    """Send a request, and see that it is answered and refused."""

    def send(waiting: Waiting, _: ExitStack) -> None:
        response = requests.request(method, f"http://127.0.0.1:{waiting.port}{target}", headers=headers, timeout=5)
        assert response.status_code >= 400

    return send


STRANGERS = {
    "no state": get("/back?code=evil"),
    "another state": get("/back?code=evil&state=guessed"),
    "an empty state": get("/back?code=evil&state="),
    "two states": get(f"/back?code=evil&state={STATE}&state=x"),
    "an error without state": get("/back?error=access_denied"),
    "another path": get(f"/?code=evil&state={STATE}"),
    "a path below": get(f"/back/x?code=evil&state={STATE}"),
    "favicon": get("/favicon.ico"),
    "head": get(f"/back?code=evil&state={STATE}", "HEAD"),
    "post": get(f"/back?code=evil&state={STATE}", "POST"),
    "options": get("/back", "OPTIONS"),
    "foreign host": get(f"/back?code=evil&state={STATE}", Host="evil.example"),
    "foreign origin": get(f"/back?code=evil&state={STATE}", Origin="http://evil.example"),
    "an image": get(f"/back?code=evil&state={STATE}", **{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
    "a frame": get(f"/back?code=evil&state={STATE}", **{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
    "nothing": raw(b""),
    "half a request": raw(b"GET /back?code=evil HTTP/1.1\r\nHost: "),
    "half a line": raw(b"GET /ba"),
    "no HTTP": raw(b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe"),
    "a huge line": raw(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"),
    "a huge header": raw(b"GET /back HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
    "many headers": raw(b"GET /back HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_does_not_end_the_waiting(
    waiting: Waiting, stranger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            STRANGERS[stranger](waiting, stack)
        assert not waiting.has_ended()
        began = time.monotonic()
        assert waiting.come_back().status_code == 200
        assert time.monotonic() - began < 3, "nobody waits for a stranger"
        assert waiting.has_ended()
    assert waiting.address == f"{waiting.url}?code=right&state={STATE}"
    assert capfd.readouterr() == ("", "")


def test_a_port_scan_does_not_end_it(waiting: Waiting) -> None:
    for _ in range(50):
        socket.create_connection(("127.0.0.1", waiting.port)).close()
    assert not waiting.has_ended()
    waiting.come_back(**{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
    assert waiting.has_ended()


def test_the_first_right_redirect_counts(waiting: Waiting) -> None:
    waiting.come_back()
    assert waiting.has_ended()
    assert waiting.address is not None
    assert "code=right" in waiting.address


def test_a_refusal_in_amocrm_is_taken_too(waiting: Waiting) -> None:
    requests.get(f"{waiting.url}?error=access_denied&state={STATE}", timeout=5)
    assert waiting.has_ended()
    assert "access_denied" in (waiting.address or "")


def test_the_listener_times_out(waiting: Waiting) -> None:
    began = time.monotonic()
    assert waiting._listener.wait(0.2) is None
    assert time.monotonic() - began < 2
