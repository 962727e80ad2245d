"""Dagster's UI against websites and local users, with a real server and browser."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from emulator import Clock, Emulator
from tests.browser import find_browser, open_browser
from tests.command_line import ROOT
from tests.dagster_web import KEY, LAUNCH, SECRET, DagsterWeb, dagster_web

JSON = "application/json"
LAUNCHING = {"query": LAUNCH}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterWeb]:
    with dagster_web(tmp_path_factory.mktemp("web"), AMOCRM_DAGSTER_HOSTS="dagster.example.com") as web:
        yield web


def test_the_ui_loads_asks_and_launches(web: DagsterWeb) -> None:
    session = web.session()
    page = session.get(f"{web.url}/", timeout=10)
    assert (page.status_code, "<title" in page.text) == (200, True)
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert web.graphql(session, "{version}")["version"]
    before = web.runs
    own = {"Origin": web.url, "Sec-Fetch-Site": "same-origin", "Referer": f"{web.url}/jobs"}
    launched = session.post(f"{web.url}/graphql", json=LAUNCHING, headers=own, timeout=60).json()
    assert launched["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    assert web.runs == before + 1


def test_the_ui_learns_of_a_run_over_its_websocket(web: DagsterWeb) -> None:
    session = web.session()
    run_id = web.graphql(session, LAUNCH)["launchRun"]["run"]["runId"]
    query = (
        f'subscription {{ pipelineRunLogs(runId: "{run_id}") {{ __typename ... on PipelineRunLogsSubscriptionSuccess '
        "{ messages { ... on MessageEvent { runId } } } } }"
    )
    with open_socket(web, origin=web.url) as found:
        found.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(found.recv(timeout=20))["type"] == "connection_ack"
        found.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        while (message := json.loads(found.recv(timeout=20)))["type"] != "data":
            pass
        messages = message["payload"]["data"]["pipelineRunLogs"]["messages"]
        assert {"runId": run_id} in messages


def open_socket(
    web: DagsterWeb, *, origin: str | None, host: str | None = None, cookie: bool = True, path: str = "/graphql"
) -> Any:
    headers = {"Cookie": f"amocrm_dagster_{web.port}={web.cookie}"} if cookie else {}
    connection = socket.create_connection(("127.0.0.1", web.port))
    return connect(
        f"ws://{host or f'127.0.0.1:{web.port}'}{path}",
        sock=connection,
        origin=origin,  # type: ignore[arg-type]
        additional_headers=headers,
        subprotocols=[Subprotocol("graphql-ws")],
        proxy=None,
    )


@pytest.mark.parametrize(
    ("origin", "host", "cookie"),
    [
        ("http://evil.example", None, True),
        ("null", None, True),
        ("http://127.0.0.1:1", None, True),
        ("http://evil.example", "evil.example", True),
        (None, "evil.example", True),
        (None, None, False),
    ],
)
def test_a_foreign_websocket_is_refused(web: DagsterWeb, origin: str | None, host: str | None, cookie: bool) -> None:
    with pytest.raises(InvalidStatus) as refused, open_socket(web, origin=origin, host=host, cookie=cookie):
        pass
    assert refused.value.response.status_code == 403


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Referer": "http://evil.example/"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    {"Host": "evil.example"},
    {"Host": "evil.example", "Origin": "http://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/graphql", "/server_info", "/logs/a/b.out", "/notebook?path=x.ipynb&repoLocName=trial"),
        *("/download_debug/1", "/login?key=x", "/_next/static/x.js"),
    ],
)
def test_what_another_website_sends_is_refused(web: DagsterWeb, path: str, headers: dict[str, str]) -> None:
    session = web.session()
    for send in (session.get, session.head, session.options):
        refused = send(f"{web.url}{path}", headers=headers, timeout=10, allow_redirects=False)
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_website_launches_nothing_even_as_json(web: DagsterWeb, headers: dict[str, str]) -> None:
    before = web.runs
    refused = web.session().post(f"{web.url}/graphql", json=LAUNCHING, headers=headers, timeout=10)
    assert (refused.status_code, web.runs) == (403, before)


@pytest.mark.parametrize("accept", ["*/*", "text/html", "image/avif,image/webp"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "//graphql", "/%67raphql"])
def test_no_mutation_by_get(web: DagsterWeb, accept: str, path: str) -> None:
    before, session = web.runs, web.session()
    address = f"{web.url}{path}?query={quote(LAUNCH)}"
    for send in (session.get, session.head):
        assert send(address, headers={"Accept": accept}, timeout=10).status_code == 403
    assert web.runs == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", json.dumps(LAUNCHING)),
        ("text/plain; application/json", json.dumps(LAUNCHING)),
        ("text/plain;charset=application/json", json.dumps(LAUNCHING)),
        ("application/graphql", LAUNCH),
        ("application/x-www-form-urlencoded", f"query={quote(LAUNCH)}"),
        (
            "multipart/form-data; boundary=x",
            f'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{LAUNCH}\r\n--x--',
        ),
        ("", json.dumps(LAUNCHING)),
        (None, None),
    ],
)
def test_no_mutation_by_a_body_without_preflight(web: DagsterWeb, kind: str | None, body: str | None) -> None:
    before = web.runs
    headers = {} if kind is None else {"Content-Type": kind}
    for path in ("/graphql", f"/graphql?query={quote(LAUNCH)}"):
        refused = web.session().post(f"{web.url}{path}", data=body, headers=headers, timeout=10)
        assert (refused.status_code, web.runs) == (403, before)


@pytest.mark.parametrize("what", ["materialization", "check", "observation"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_no_event_is_reported_without_preflight(web: DagsterWeb, what: str, kind: str | None) -> None:
    before = web.reports
    headers = {} if kind is None else {"Content-Type": kind}
    refused = web.session().post(
        f"{web.url}/report_asset_{what}/reported?metadata={{}}&check_name=x&passed=true",
        data=None if kind is None else "{}",
        headers=headers,
        timeout=10,
    )
    assert (refused.status_code, web.reports) == (403, before)


def test_a_host_of_the_settings_is_answered(web: DagsterWeb) -> None:
    named = {"Host": "dagster.example.com", "Origin": "https://dagster.example.com"}
    answered = requests.post(
        f"{web.url}/graphql",
        json={"query": "{version}"},
        headers=named | {"Authorization": f"Bearer {SECRET}"},
        timeout=10,
    )
    assert answered.json()["data"]["version"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "amocrm_dagster=x"}])
def test_another_user_of_the_machine_gets_nothing(web: DagsterWeb, headers: dict[str, str]) -> None:
    before = web.runs
    refused = requests.post(f"{web.url}/graphql", json=LAUNCHING, headers=headers, timeout=10)
    assert (refused.status_code, web.runs) == (401, before)
    for path in ("/", "/runs", "/logs/a/b.out", "/download_debug/1", "/graphql"):
        assert requests.get(f"{web.url}{path}", headers=headers, timeout=10).status_code == 401
    shown = requests.get(f"{web.url}/", headers=headers | {"Accept": "text/html"}, timeout=10)
    assert (shown.status_code, "login address" in shown.text) == (401, True)
    assert requests.get(f"{web.url}/server_info", timeout=10).status_code == 200, "health checks need no session"


def test_no_process_shows_the_secret_to_other_users(web: DagsterWeb) -> None:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            shown = file.read_bytes()
        except OSError:
            continue
        assert SECRET.encode() not in shown
        assert KEY.encode() not in shown
    found = subprocess.run(
        ["pgrep", "-f", str(web.home.parent / "trial.py")], capture_output=True, text=True, check=True
    )
    for pid in found.stdout.split():
        assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


ATTACK = (ROOT / "tests/payloads/cross_site.js").read_text(encoding="utf-8")


class _Evil(BaseHTTPRequestHandler):
    """A website of another origin."""

    def __init__(self, page: bytes, *arguments: Any) -> None:
        self.page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def browser() -> str:
    program = find_browser()
    if program is None:
        pytest.skip("No Chromium on the PATH or in CHROME: a browser's own cross-site requests were not tried.")
    return program


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_launches_nothing_in_a_real_browser(web: DagsterWeb, browser: str, name: str) -> None:
    """Name 127.0.0.1: another port of the same site, whose requests carry the cookie."""
    with Emulator(clock=Clock(datetime(2026, 3, 1, tzinfo=UTC))) as emulator:
        known = {"target": web.url, "emulator": emulator.url, "launch": LAUNCH}
        script = "".join(f"const {name} = {json.dumps(value)};" for name, value in known.items()) + ATTACK
        page_text = f"<!DOCTYPE html><title>evil</title><body><script>{script}</script>".encode()
        evil = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Evil, page_text))
        threading.Thread(target=evil.serve_forever, daemon=True).start()
        runs, reports, now = web.runs, web.reports, emulator.clock.now()
        try:
            with open_browser(browser) as page:
                page.call(
                    "Network.setCookie",
                    name=f"amocrm_dagster_{web.port}",
                    value=web.cookie,
                    url=web.url,
                    sameSite="Lax",
                )
                page.visit(f"http://{name}:{evil.server_port}/")
                seen = page.run("attack()")
        finally:
            evil.shutdown()
            evil.server_close()
        assert len(seen) == 16, seen
        assert ["websocket", "closed"] in seen
        assert ["cors json", "error"] in seen
        assert ["emulator json", "error"] in seen
        assert (web.runs, web.reports, emulator.clock.now()) == (runs, reports, now)


def test_a_browser_logs_in_once_and_sees_the_ui(web: DagsterWeb, browser: str) -> None:
    with open_browser(browser) as page:
        page.visit(f"{web.url}/runs")
        assert "Log in" in page.run("document.body.innerText")
        page.visit(f"{web.url}/login?key={KEY}")
        assert page.run("location.pathname + location.search").startswith(("/", "/overview"))
        assert KEY not in page.run("location.href"), "the key does not stay in the address line"
        shown = page.run(
            "new Promise(yes => { const look = () => /Runs/.test(document.body.innerText)"
            " ? yes(document.body.innerText) : setTimeout(look, 200); look(); })"
        )
        assert "Deployment" in shown
        asked = page.run(
            "fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'},"
            ' body: \'{"query": "{version}"}\'}).then(r => r.text())'
        )
        assert "version" in asked
        opened = page.run(
            "new Promise(yes => { const s = new WebSocket(`ws://${location.host}/graphql`, 'graphql-ws');"
            " s.onopen = () => yes('open'); s.onclose = () => yes('closed'); })"
        )
        assert opened == "open"
        assert base64.b64decode(page.call("Page.captureScreenshot")["data"]).startswith(b"\x89PNG")
        assert requests.get(f"{web.url}/login?key={KEY}", timeout=10).status_code == 401, "it works once"
