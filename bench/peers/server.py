"""Gives captured answers over HTTP as fast as it can, so that it is not what is measured. A process of its own.

Whatever of 127.0.0.0/8 a request came to says whose answers it gets. ``GET /_version/NAME`` loads another version.
"""

from __future__ import annotations

import asyncio
import sys
import zipfile
from pathlib import Path
from typing import Final

VERSION: Final = b"/_version/"
OK: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/hal+json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
)
NOTHING: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
UNKNOWN: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Answers:
    """The answers that are given now, ready to be sent, by address and path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: dict[bytes, bytes] = {}

    def load(self, version: str) -> None:
        """Give another version's answers from now on."""
        with zipfile.ZipFile(self._folder / f"{version}.zip") as archive:
            bodies = {name.encode(): archive.read(name) for name in archive.namelist()}
        self._ready = {name: OK % len(body) + body for name, body in bodies.items()}

    def to(self, address: bytes, target: bytes) -> bytes:
        """The answer to a request's target. All lists have one page."""
        path, _, query = target.partition(b"?")
        if path.startswith(VERSION):
            self.load(path.removeprefix(VERSION).decode())
            return NOTHING
        if b"page=" in query and b"page=1" not in query.split(b"&"):
            return NOTHING
        return self._ready.get(address + path, UNKNOWN)


class Connected(asyncio.Protocol):
    """One connection, kept for many requests without bodies."""

    def __init__(self, responses: Answers) -> None:
        self._answers = responses
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember which address was called."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._address = transport.get_extra_info("sockname")[0].encode()

    def data_received(self, data: bytes) -> None:
        """Answer each request once its head is whole."""
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            self._transport.write(self._answers.to(self._address, head.split(b" ", 2)[1]))


async def serve(folder: Path) -> None:
    """Print the port, and answer until the process is ended."""
    responses = Answers(folder)
    # Every address, since each account has one of 127.0.0.0/8, all of which Linux takes for this machine.
    server = await asyncio.get_running_loop().create_server(
        lambda: Connected(responses),
        "0.0.0.0",  # noqa: S104
        0,
        backlog=1024,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
