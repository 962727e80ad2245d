"""The emulator over HTTP."""

import gzip
import json
import threading

import requests

from emulator import Emulator
from tests.integration.emulator.raw_client import SEGMENTS, Client
from tests.records import START


def test_an_answer_is_as_the_page_says(client: Client) -> None:
    response, body = client.get(SEGMENTS + "?limit=2&page=2")
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/hal+json"
    assert response.headers["Date"] == "Sun, 01 Mar 2026 09:00:00 GMT"
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
    response = requests.put(emulator.url + "/api/v4/account", headers=headers, json={}, timeout=5)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")


def test_every_request_is_logged(emulator: Emulator, account_id: int, client: Client) -> None:
    client.get(SEGMENTS + "?page=2&limit=3", **{"X-Mine": "1"})
    (logged,) = emulator.requests
    assert (logged.method, logged.path, logged.query) == ("GET", SEGMENTS, {"page": "2", "limit": "3"})
    assert (logged.headers["x-mine"], logged.headers["authorization"]) == ("1", f"Bearer {client.token}")
    assert logged.at == START


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


def test_bodies_of_the_vendors_php_client_are_accepted(emulator: Emulator, account_id: int) -> None:
    """It repeats the id of a change, and sends nulls, numbers as request ids, and a list with holes as an object."""
    world, token = emulator.world, emulator.long_lived_token(account_id)
    segment_id = world.add_segment(account_id, "VIP")
    text_id = world.add_field(account_id, "Note", "text")

    def status_of(method: str, path: str, body: object) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, emulator.url + path, json=body, headers=headers, timeout=5).status_code

    values = {"field_id": text_id, "field_code": None, "values": [{"value": "a"}]}
    change = {"id": segment_id, "name": "Gold", "custom_fields_values": [values], "request_id": "0"}
    for request_id in ("0", 1, None):
        assert status_of("PATCH", f"{SEGMENTS}/{segment_id}", change | {"request_id": request_id}) == 200
    assert status_of("PATCH", f"{SEGMENTS}/{segment_id}", change | {"request_id": True}) == 400
    assert status_of("PATCH", f"{SEGMENTS}/{segment_id}", {"id": segment_id}) == 400
    assert status_of("PATCH", f"{SEGMENTS}/{segment_id}", change | {"id": segment_id + 1}) == 400
    world.switch_mode(account_id, "periodicity")
    stage = {"name": "A", "sort": 1, "request_id": "0"}
    assert status_of("POST", "/api/v4/customers/statuses", {"1": stage}) == 200
