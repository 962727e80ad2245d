"""The emulator's faults over HTTP, each once."""

import gzip
import http.client
import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from emulator import Clock, Emulator, RateLimit, Simulation, World, effects
from emulator.faults import Effect
from tests.integration.emulator.raw_client import SEGMENTS, Client
from tests.records import START

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
    add = effects.before_response(lambda world: world.add_segment(account_id, "In between", place=0))
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
        connection.sendall(b"GET /api/v4/account HTTP/1.1\r\nHost: localhost\r\n\r\n")
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
        connection.sendall(b"GET /api/v4/account HTTP/1.1\r\nHost: localhost\r\n\r\n")
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
    responses = [client.get(SEGMENTS) for _ in range(5)]
    assert [response.status for response, _ in responses] == [200, 200, 429, 403, 403]
    assert json.loads(responses[2][1])["retry_after"] == 1
    assert responses[3][0].headers["Content-Type"].startswith("text/html")


def test_a_simulation_follows_the_clock_and_its_outages_return_503() -> None:
    simulation = Simulation(1, START)
    world = World(clock=Clock(START))
    simulation.advance(world, START)
    with Emulator(world=world, simulations=[simulation]) as emulator:
        client = Client(emulator, simulation.account_id)
        first = client.get(SEGMENTS)[1]
        emulator.clock.advance(timedelta(days=1))
        assert client.get(SEGMENTS)[1] != first
        begins, ends = simulation.outages(START + timedelta(days=60))[0]
        emulator.clock.set(begins)
        assert client.get(SEGMENTS)[0].status == 503
        emulator.clock.set(ends)
        assert client.get(SEGMENTS)[0].status == 200
        client.connection.close()
