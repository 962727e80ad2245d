"""The transport and responses that are cut, slow, damaged, or from a foreign host."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from faults.rawserver import TLS, RawServer, Script, drips, ok, sends
from pipelines.amocrm.http import NoResponse, Transport
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.messages import Request, Response, account_request
from pipelines.amocrm.protocol import interpret
from pipelines.base.clock import is_ahead

LIMITS = Limits(connect_seconds=2, read_seconds=2, response_seconds=4, body_bytes=1_000_000)
ACCOUNT = account_request()
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def ask(server: RawServer, limits: Limits = LIMITS, seconds: float = 4.0, request: Request = ACCOUNT) -> Response:
    transport = Transport(server.url, limits=limits, ca_bundle=str(TLS / "ca.pem") if server.certificate else None)
    try:
        return transport.send(request, "token", seconds=seconds)
    finally:
        transport.close()


def answer_to(script: Script, limits: Limits = LIMITS) -> Response:
    with RawServer(script=script) as server:
        return ask(server, limits)


def failure_of(script: Script, limits: Limits = LIMITS, seconds: float = 4.0) -> NoResponse:
    with RawServer(script=script) as server, pytest.raises(NoResponse) as caught:
        ask(server, limits, seconds)
    return caught.value


# What is sent


def test_a_request_is_what_it_should_be() -> None:
    with RawServer(script=sends(ok(b"{}"))) as server:
        host = server.url.removeprefix("http://")
        ask(server)
    (head,) = server.received
    assert head.decode().splitlines() == [
        "GET /api/v4/account?with=datetime_settings HTTP/1.1",
        f"Host: {host}",
        "Accept: application/hal+json, application/problem+json, application/json",
        "Accept-Encoding: gzip",
        "User-Agent: amocrm-warehouse",
        "Authorization: Bearer token",
        "",
    ]


def test_a_body_is_sent_as_json() -> None:
    request = Request(resource="segment", path="/api/v4/customers/segments", method="POST", body=b'{"name": "VIP"}')
    with RawServer(script=sends(ok(b"{}"))) as server:
        ask(server, request=request)
    assert b"POST /api/v4/customers/segments HTTP/1.1\r\n" in server.received[0]
    assert b"Content-Type: application/json\r\n" in server.received[0]
    assert b"Content-Length: 15\r\n" in server.received[0]


def test_a_connection_is_kept_and_no_cookie_is() -> None:
    def script(connection: socket.socket, _: threading.Event) -> bool:
        connection.sendall(ok(b"{}", "Set-Cookie: session=canary; Path=/"))
        return True

    with RawServer(script=script) as server:
        transport = Transport(server.url, limits=LIMITS)
        for _ in range(3):
            assert transport.send(ACCOUNT, "token", seconds=4).body == b"{}"
        transport.close()
    assert len(server.received) == 3
    assert b"canary" not in b"".join(server.received)


def test_a_closed_connection_is_reopened() -> None:
    with RawServer(script=sends(ok(b"{}"))) as server:
        transport = Transport(server.url, limits=LIMITS)
        for count in range(3):
            while server.closed_count < count:
                time.sleep(0.01)
            assert transport.send(ACCOUNT, "token", seconds=4).body == b"{}"
        transport.close()


# What comes whole


@pytest.mark.parametrize(
    "data",
    [
        ok(b'{"id": 1}'),
        ok(gzip.compress(b'{"id": 1}'), "Content-Encoding: gzip"),
        ok(gzip.compress(b'{"id": 1}'), "Content-Encoding: GZIP"),
        ok(gzip.compress(b'{"id": 1}'), "Content-Encoding: x-gzip"),
        ok(gzip.compress(b'{"id"') + gzip.compress(b"") + gzip.compress(b": 1}"), "Content-Encoding: gzip"),
        ok(gzip.compress(b'{"id": 1}') + bytes(9), "Content-Encoding: gzip"),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9;a=b\r\n{"id": 1}\r\n0\r\nX: y\r\n\r\n',
        ok(b'{"id": 1}', "Content-Encoding: identity"),
        ok(gzip.compress(b'{"id": 1}'), "Content-Encoding: identity, gzip,"),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok(b'{"id": 1}'),
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok(b'{"id": 1}'),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n5\r\n": 1}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\n\r\n{"id": 1}',
        b'HTTP/1.0 200 OK\r\n\r\n{"id": 1}',
    ],
)
def test_a_whole_body_is_taken(data: bytes) -> None:
    found = answer_to(sends(data))
    assert (found.status, found.body, found.defect) == (200, b'{"id": 1}', None)


def test_headers_have_lower_case_names() -> None:
    found = answer_to(sends(ok(b"", "X-REQUEST-ID: a1", "Retry-After: 5")))
    assert (found.request_id, found.headers["retry-after"]) == ("a1", "5")


@pytest.mark.parametrize("encoding", [b"gzip", b"br"])
def test_an_answer_without_a_body_has_none(encoding: bytes) -> None:
    found = answer_to(sends(b"HTTP/1.1 204 No Content\r\nContent-Encoding: " + encoding + b"\r\n\r\n"))
    assert (found.body, found.defect) == (b"", None)


def test_a_redirect_is_an_answer_like_any_other_and_its_body_is_bounded() -> None:
    body = gzip.compress(b" " * 2_000_000)
    head = (
        f"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    found = answer_to(sends(head.encode() + body))
    assert (found.status, found.defect) == (302, "the body is larger than 1,000,000 bytes")


# What is damaged


_GZIP = gzip.compress(b'{"id": 1}')


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (ok(b'{"id": 1}').replace(b": 9", b": 20"), "the body is cut short"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n', "the body is cut short"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"id', "the body is cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "the body is cut short"),
        (ok(_GZIP[:-3], "Content-Encoding: gzip"), "the body's gzip is cut short"),
        (ok(_GZIP[:5], "Content-Encoding: gzip"), "the body's gzip is cut short"),
        (ok(_GZIP[:-8] + b"\0\0\0\0" + _GZIP[-4:], "Content-Encoding: gzip"), "the body is not gzip, or is damaged"),
        (ok(b'{"id": 1}', "Content-Encoding: gzip"), "the body is not gzip, or is damaged"),
        (ok(_GZIP + _GZIP[:-3], "Content-Encoding: gzip"), "the body's gzip is cut short"),
        (ok(_GZIP + b"\x1f\x8b{}", "Content-Encoding: gzip"), "the body is not gzip, or is damaged"),
        (ok(_GZIP + b"{}", "Content-Encoding: gzip"), "there is data after the end of the body's gzip"),
        (ok(b"\x1b\x08", "Content-Encoding: br"), "the body has an encoding that was not requested"),
        (ok(_GZIP, "Content-Encoding: gzip, gzip"), "the body has an encoding that was not requested"),
        (ok(b" " * 1_000_001), "the body is larger than 1,000,000 bytes"),
        (ok(gzip.compress(b" " * 1_000_001), "Content-Encoding: gzip"), "the body is larger than 1,000,000 bytes"),
    ],
)
def test_a_damaged_body_is_noticed(data: bytes, defect: str) -> None:
    found = answer_to(sends(data))
    assert (found.status, found.defect, found.is_interrupted) == (200, defect, False)


@pytest.mark.parametrize("size", [b"-1", b"-9", b"", b"9" * 400, b"\xff\xfe", b"9 9", b"1e1"])
def test_a_chunk_of_no_real_size_is_a_broken_body(size: bytes) -> None:
    found = answer_to(sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b'\r\n{"id": 1}\r\n'))
    assert (found.status, found.defect is not None) == (200, True)


RUBBISH = (
    "",
    "\t",
    "9" * 5000,
    "-1",
    "+5",
    "1, 2",
    "\x01\x7f",
    "application/json\0",
    "\xff\xfe",
    ";;=,,",
    "Thu, 01 Jan 99999999999 00:00:00 GMT",
    f"Thu, 01 Jan 2026 00:00:00 +{'9' * 14}",
)
HEADERS = (
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Transfer-Encoding",
    "Date",
    "Retry-After",
    "X-Request-Id",
    "Set-Cookie",
    "Location",
    "Connection",
    "Keep-Alive",
    "WWW-Authenticate",
    "Content-Disposition",
)


def test_no_header_of_rubbish_is_an_internal_error() -> None:
    """Every header that we or the library parses, with each value, also twice and with a redirect or a 429."""
    sent: list[tuple[str, str]] = []  # status and header, the latest last

    def script(connection: socket.socket, _: threading.Event) -> None:
        status, header = sent[-1]
        head = f"HTTP/1.1 {status}\r\n{header}\r\n{header}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode("latin-1") + b'{"id": 1}')

    with RawServer(script=script) as server:
        for name, value, status in product(HEADERS, RUBBISH, ("200 OK", "302 Found", "429 Too Many Requests")):
            sent.append((status, f"{name}: {value}"))
            with suppress(NoResponse):
                found = ask(server)
                assert interpret(found, ACCOUNT) is not None
                assert "\0" not in (found.content_type or "")
                assert not is_ahead(NOW, found.headers.get("date"))


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert answer_to(sends(ok(gzip.compress(b" " * 1_000_000), "Content-Encoding: gzip"))).defect is None


def test_a_bomb_costs_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 40_000_000))
    found = answer_to(sends(ok(gzip.decompress(bomb), "Content-Encoding: gzip")))
    assert found.defect == "the body is larger than 1,000,000 bytes"
    assert len(found.body) <= 1_000_000


def test_what_follows_a_body_never_reaches_the_next_answer() -> None:
    def script(connection: socket.socket, _: threading.Event) -> bool:
        connection.sendall(ok(b'{"id": 1}') + ok(b'{"id": 666}'))
        return True

    with RawServer(script=script) as server:
        transport = Transport(server.url, limits=LIMITS)
        bodies = [transport.send(ACCOUNT, "token", seconds=4).body for _ in range(2)]
        transport.close()
    assert bodies == [b'{"id": 1}', b'{"id": 1}']


# What never comes


def resets(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (sends(), "the host closed the connection without a response"),
        (resets, "the host reset the connection"),
        (sends(b"HTTP/1.1 20"), "not HTTP"),
        (sends(b"SSH-2.0-OpenSSH_9.6\r\n"), "not HTTP"),
        (sends(b"HTTP/1.1 OK\r\n\r\n"), "not HTTP"),
        (sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "not HTTP"),
        (sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"), "not HTTP"),
        (sends(ok(b"{}", "Content-Length: 5")), "failed"),
    ],
)
def test_what_is_no_answer_says_why(script: Script, why: str) -> None:
    failure = failure_of(script)
    assert failure.is_transient
    assert why in str(failure)


def test_a_host_that_refuses_connections_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}", limits=LIMITS)
    with pytest.raises(NoResponse, match="refuses connections"):
        transport.send(ACCOUNT, "token", seconds=4)
    transport.close()


def test_an_unresolvable_name_is_reported() -> None:
    transport = Transport("https://does-not-exist.invalid", limits=LIMITS)
    with pytest.raises(NoResponse, match="name cannot be resolved"):
        transport.send(ACCOUNT, "token", seconds=4)
    transport.close()


def test_a_silent_host_times_out() -> None:
    with (
        RawServer(script=lambda _, stopped: stopped.wait(10)) as server,
        pytest.raises(NoResponse, match="stopped responding"),
    ):
        ask(server, replace(LIMITS, read_seconds=0.1))


# What comes too slowly, each single byte well within the time of a read


def test_a_failure_holds_nothing_of_the_request() -> None:
    """What the library raises has the request in it, and with that the token."""
    failure = failure_of(lambda connection, _: connection.close())
    assert failure.__cause__ is None
    assert failure.__context__ is None


def test_a_slow_status_is_cut_off() -> None:
    with RawServer(script=drips(ok(b"{}"), 0.1)) as server, pytest.raises(NoResponse, match="not complete after 0 sec"):
        ask(server, seconds=0.3)


def test_a_slow_head_is_cut_off_and_never_taken_for_whole() -> None:
    with RawServer(script=drips(b"Server: " + b"x" * 5_000, after=b"HTTP/1.1 204 No Content\r\n")) as server:
        found = ask(server, seconds=0.3)
    assert (found.status, found.is_interrupted) == (204, True)


@pytest.mark.parametrize("length", ["Content-Length: 5000\r\n", "", "Transfer-Encoding: chunked\r\n"])
def test_a_slow_body_is_cut_off_and_never_taken_for_whole(length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\n".encode()

    with RawServer(script=drips(b"1388\r\n[" + b" " * 4_990, after=head)) as server:
        found = ask(server, seconds=0.3)
    assert (found.status, found.is_interrupted) == (200, True)
    assert found.defect == "the response was not complete after 0 seconds"


def test_a_body_that_stops_is_interrupted() -> None:
    def script(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(ok(b"{}").replace(b": 2", b": 9"))
        stopped.wait(10)

    with RawServer(script=script) as server:
        found = ask(server, replace(LIMITS, read_seconds=0.1))
    assert (found.defect, found.is_interrupted) == ("the host stopped responding", True)


def test_a_body_whose_connection_is_reset_is_interrupted() -> None:
    def script(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(ok(b"{}" * 50_000)[:1_000])
        stopped.wait(0.1)
        resets(connection, stopped)

    with RawServer(script=script) as server:
        found = ask(server)
    assert (found.defect, found.is_interrupted) == ("the host reset the connection", True)


def test_after_a_cut_the_next_answer_is_taken_as_ever() -> None:
    def script(connection: socket.socket, stopped: threading.Event) -> None:
        first = drips(b" " * 5_000, after=b"HTTP/1.1 200 OK\r\nServer: x\r\nX:")
        (first if len(server.received) == 1 else sends(ok(b'{"id": 1}')))(connection, stopped)

    with RawServer(script=script) as server:
        transport = Transport(server.url, limits=LIMITS)
        assert transport.send(ACCOUNT, "token", seconds=0.3).is_interrupted
        assert transport.send(ACCOUNT, "token", seconds=4).body == b'{"id": 1}'
        transport.close()


def test_what_is_left_of_a_body_is_no_part_of_the_next_answer() -> None:
    def script(connection: socket.socket, _: threading.Event) -> bool:
        connection.sendall(ok(b" " * 2_000_000) if len(server.received) == 1 else ok(b'{"id": 1}'))
        return True

    with RawServer(script=script) as server:
        transport = Transport(server.url, limits=LIMITS)
        assert "larger" in (transport.send(ACCOUNT, "token", seconds=4).defect or "")
        assert transport.send(ACCOUNT, "token", seconds=4).body == b'{"id": 1}'
        transport.close()


# TLS


def test_a_trusted_certificate_is_accepted() -> None:
    with RawServer(script=sends(ok(b"{}")), certificate="good.pem") as server:
        assert ask(server).body == b"{}"


@pytest.mark.parametrize(
    ("certificate", "why"),
    [("self_signed.pem", "self"), ("expired.pem", "expired"), ("other_name.pem", "mismatch")],
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused_for_good(certificate: str, why: str) -> None:
    with RawServer(script=sends(ok(b"{}")), certificate=certificate) as server:
        with pytest.raises(NoResponse, match=f"certificate is not trusted .*{why}") as caught:
            ask(server)
        assert server.received == []
    assert not caught.value.is_transient


def test_an_unknown_authority_is_refused() -> None:
    with RawServer(script=sends(ok(b"{}")), certificate="good.pem") as server:
        transport = Transport(server.url, limits=LIMITS)
        with pytest.raises(NoResponse, match="not trusted"):
            transport.send(ACCOUNT, "token", seconds=4)
        transport.close()
        assert server.received == []


def test_a_server_without_tls_is_never_sent_the_token() -> None:
    with RawServer(script=sends(b"HTTP/1.1 200 OK\r\n\r\n"), reads_request=False) as server:
        transport = Transport(server.url.replace("http:", "https:"), limits=LIMITS)
        with pytest.raises(NoResponse, match="no secure connection"):
            transport.send(ACCOUNT, "token", seconds=4)
        transport.close()


def test_a_slow_handshake_is_cut_off() -> None:
    """Every byte comes in time, and none of them is the last."""
    record = b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" + b"\0" * 16_000
    with RawServer(script=drips(record), reads_request=False) as server:
        transport = Transport(server.url.replace("http:", "https:"), limits=LIMITS)
        with pytest.raises(NoResponse, match="not complete after 0 seconds"):
            transport.send(ACCOUNT, "token", seconds=0.3)
        transport.close()
