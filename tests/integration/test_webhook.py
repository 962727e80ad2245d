"""Alerts over HTTP: delivery, retries, and no webhook address in errors."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.alerts import delivery
from pipelines.alerts.delivery import RETRY_WAITS, AlertNotSent, deliver
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.base.secret import Secret
from pipelines.config.receivers import build_receivers

ALERT = FailureAlert(
    account="acme",
    error="Unauthorized",
    what_happened="amoCRM answered 401 Unauthorized.",
    what_to_do="Make a new token.",
    run_id="1234",
    link="https://dagster.example.com/runs/1234",
)
KEY = "canary-key-of-the-hook"


class Hook:
    """A webhook that answers as told, one status after the other, the last one again and again."""

    def __init__(self, *statuses: int) -> None:
        """Listen on a free port."""
        self.received: list[tuple[str, dict[str, str | None], str | None]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.received.append((self.path, body, self.headers.get("Authorization")))
                status = statuses[min(len(hook.received), len(statuses)) - 1]
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{hook.port}/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")  # Slack's answer

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = Secret(f"http://127.0.0.1:{self.port}/{KEY}")

    @contextmanager
    def running(self) -> Iterator[Hook]:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def send_alert(url: Secret, alert: FailureAlert, *, sleep: Callable[[float], None]) -> None:
    deliver(build_receivers(url, ()), alert, sleep=sleep)


def test_what_arrives() -> None:
    with Hook(200).running() as hook:
        send_alert(hook.url, ALERT, sleep=lambda _: None)
    [(path, body, _)] = hook.received
    assert path == f"/{KEY}"
    assert body.pop("text") == (
        "amoCRM load of 'acme' failed: amoCRM answered 401 Unauthorized.\n"
        "What to do: Make a new token.\n"
        "Run: https://dagster.example.com/runs/1234"
    )
    assert body == {
        "account": "acme",
        "what": "load",
        "error": "Unauthorized",
        "what_happened": "amoCRM answered 401 Unauthorized.",
        "what_to_do": "Make a new token.",
        "run_id": "1234",
        "link": "https://dagster.example.com/runs/1234",
    }


def test_without_a_link_the_run_is_named() -> None:
    assert FailureAlert(account="a", error="E", what_happened="x", what_to_do="y", run_id="1234").text.endswith(
        "Run: 1234"
    )


def test_transient_errors_are_retried_within_the_time_limit() -> None:
    slept: list[float] = []
    with Hook(503, 429, 200).running() as hook:
        send_alert(hook.url, ALERT, sleep=slept.append)
    assert (len(hook.received), slept) == (3, list(RETRY_WAITS))
    with Hook(503).running() as hook, pytest.raises(AlertNotSent, match="answered 503"):
        send_alert(hook.url, ALERT, sleep=slept.append)
    assert len(hook.received) == len(RETRY_WAITS) + 1


@pytest.mark.parametrize("status", [400, 403, 404, 301, 302, 307])
def test_refusals_are_final_and_redirects_are_not_followed(status: int) -> None:
    with Hook(status).running() as hook, pytest.raises(AlertNotSent, match=f"answered {status}") as caught:
        send_alert(hook.url, ALERT, sleep=lambda _: None)
    assert len(hook.received) == 1
    assert KEY not in str(caught.value)


def test_an_unreachable_webhook_is_reported() -> None:
    slept: list[float] = []
    with pytest.raises(AlertNotSent, match="cannot be reached") as caught:
        send_alert(Secret(f"http://127.0.0.1:1/{KEY}"), ALERT, sleep=slept.append)
    assert slept == list(RETRY_WAITS)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.__cause__)


@pytest.mark.parametrize("service", ["http", "json"])
def test_a_receiver_that_never_ends_its_response_holds_up_nothing(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of the header restarts the timeouts of sockets."""
    monkeypatch.setattr(delivery, "MAX_SECONDS", 0.3)
    ended = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            connection = listener.accept()[0]
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.05):
                connection.sendall(b"x")
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = Secret(f"{service}://127.0.0.1:{listener.getsockname()[1]}/{KEY}")
        receivers = build_receivers(url, ()) if service == "http" else build_receivers(None, [url])
        try:
            with pytest.raises(AlertNotSent, match="did not respond completely within") as caught:
                deliver(receivers, ALERT, sleep=lambda _: None)
        finally:
            ended.set()
            thread.join()
    assert KEY not in str(caught.value)


def test_an_unexpected_error_is_reported_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr(delivery, "post_json", fail)
    with pytest.raises(AlertNotSent, match=r"cannot be used \(RuntimeError\)") as caught:
        send_alert(Secret("https://hooks.example.com"), ALERT, sleep=lambda _: None)
    assert KEY not in str(caught.value)


def test_an_address_that_cannot_be_used() -> None:
    with pytest.raises(AlertNotSent, match="cannot be used") as caught:
        send_alert(Secret(f"http://[{KEY}"), ALERT, sleep=lambda _: None)
    assert KEY not in str(caught.value)


def test_netrc_and_proxies_of_the_machine_are_not_used(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with Hook(200).running() as hook:
        send_alert(hook.url, ALERT, sleep=lambda _: None)
    assert [authorization for _, _, authorization in hook.received] == [None]
