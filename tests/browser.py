"""A headless Chromium, driven over its DevTools protocol.

The protocol is JSON over a websocket, and ``websockets`` is installed anyway, with Dagster's web server. Selenium or
Playwright would add a package and a driver of the browser's very version to say the same few words; ``--dump-dom``
cannot press a key, and sees neither requests nor the console.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

BROWSER_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_SECONDS: Final = 60.0
OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def find_browser() -> str | None:
    """Path of the browser: ``CHROME``, or the first usual name on the path."""
    return os.environ.get("CHROME") or next(filter(None, map(shutil.which, BROWSER_NAMES)), None)


class Page:
    """One tab, with a record of its log and requests."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.console_errors: list[str] = []
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its response."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result

    def open(self, file: Path) -> None:
        """Load a file and wait for it."""
        self.visit(file.absolute().as_uri())

    def visit(self, url: str) -> None:
        """Load an address and wait for it."""
        self.events.clear()
        self.requests.clear()
        self.console_errors.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page, awaiting a promise."""
        response = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in response, response["exceptionDetails"]
        return response["result"].get("value")

    def show(self, *, width: int = 1280, height: int = 900, scheme: str = "light", is_phone: bool = False) -> None:
        """Set the window's size and the preferred colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str) -> None:
        """Press and release a key."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            extra = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **extra)

    def tree(self) -> list[dict[str, Any]]:
        """Nodes of the accessibility tree that a screen reader reads."""
        return [node for node in self.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=TIMEOUT_SECONDS))
        match message:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.requests.append(url)
            case {"method": "Log.entryAdded", "params": {"entry": {"text": text}}}:
                self.console_errors.append(text)
            case {"method": "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Page.javascriptDialogOpening"}:
                self.console_errors.append(json.dumps(message["params"]))
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def open_browser(program: str) -> Iterator[Page]:
    """Run a browser with one page and a temporary profile."""
    with tempfile.TemporaryDirectory(prefix="amocrm-warehouse-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(
                _page_websocket_url(_wait_for_port(Path(profile), process)), max_size=None, proxy=None
            ) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


def _wait_for_port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for the browser's debugging address."""
    file = profile / "DevToolsActivePort"
    end = time.monotonic() + TIMEOUT_SECONDS
    while not (file.exists() and file.read_text().count("\n")):
        assert process.poll() is None, f"the browser ended at once, with {process.returncode}"
        assert time.monotonic() < end, "the browser never listened"
        time.sleep(0.05)
    return int(file.read_text().splitlines()[0])


def _page_websocket_url(port: int) -> str:
    """Websocket address of the only page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=TIMEOUT_SECONDS) as response:
        [address] = [target["webSocketDebuggerUrl"] for target in json.load(response) if target["type"] == "page"]
    return str(address)
