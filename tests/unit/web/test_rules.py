"""Rules for requests to Dagster's UI: cross-site requests and foreign hosts."""

from __future__ import annotations

import pytest

from assets.web.rules import OwnNames, WebRequest, refusal

HERE = "127.0.0.1:3000"
JSON = ("content-type", "application/json")
LINK = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
NAMES = OwnNames(hosts=("dagster.example.com",), url="https://ui.example.com")

Header = tuple[str, str]


def request(method: str, path: str, *headers: Header, host: str | None = HERE, websocket: bool = False) -> WebRequest:
    path, _, query = path.partition("?")
    given = ([("host", host)] if host is not None else []) + list(headers)
    return WebRequest(method=method, path=path, query=query, headers=given, is_websocket=websocket)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.0.0.1"),
        *("dagster.example.com", "Dagster.Example.com:8443", "ui.example.com"),
    ],
)
def test_our_own_names_are_answered(host: str) -> None:
    assert refusal(request("GET", "/", host=host), NAMES) is None
    same = ("origin", f"http://{host}")
    assert refusal(request("POST", "/graphql", JSON, same, host=host), NAMES) is None
    assert refusal(request("GET", "/graphql", same, host=host, websocket=True), NAMES) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
        ),
        *("evil.example@127.0.0.1", "localhost, evil.example", "", " ", "10.0.0.5:3000", "0.0.0.0:3000", "localhost."),
        *("x.dagster.example.com", "http://127.0.0.1", "127.0.0.1:port\\evil"),
        *("localhost/evil", "localhost?evil", "localhost#evil", "localhost:port", "localhost:99999", "localhost:1:2"),
    ],
)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_foreign_host_is_refused(host: str, websocket: bool) -> None:
    assert "Host" in (refusal(request("GET", "/", host=host, websocket=websocket), NAMES) or "")


def test_a_request_needs_exactly_one_host() -> None:
    assert refusal(request("GET", "/", host=None), NAMES)
    assert refusal(request("GET", "/", ("host", "evil.example")), NAMES)


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "https://127.0.0.1:3001", "http://127.0.0.1:3001", "http://127.0.0.1"),
        *("http://localhost:3000", "http://127.0.0.1:3000.evil.example", "file://", "http://evil.example:3000"),
        *("chrome-extension://abcdef", "http://user@127.0.0.1:3000", "ftp://127.0.0.1:3000", "http://127.0.0.1:x"),
    ],
)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_foreign_origin_is_refused(origin: str, websocket: bool) -> None:
    for method in ("GET", "POST"):
        sent = request(method, "/graphql", JSON, ("origin", origin), websocket=websocket)
        assert "Origin" in (refusal(sent, NAMES) or "")


def test_the_public_address_is_an_origin_where_a_proxy_changes_the_host() -> None:
    assert refusal(request("POST", "/graphql", JSON, ("origin", "https://ui.example.com")), NAMES) is None
    assert refusal(request("POST", "/graphql", JSON, ("origin", "http://ui.example.com")), NAMES)
    assert refusal(request("POST", "/graphql", JSON, ("origin", "https://dagster.example.com")), NAMES)


@pytest.mark.parametrize(
    "header",
    [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "something-new"),
        ("referer", "http://evil.example/page"),
        ("referer", "http://127.0.0.1:3001/page"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/graphql", "/logs/a/b.out", "/runs/1", "/server_info", "/download_debug/1"])
def test_what_another_website_caused_is_refused(header: Header, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert refusal(request(method, path, header), NAMES)
    assert refusal(request("POST", path, JSON, header), NAMES)
    assert refusal(request("GET", path, header, websocket=True), NAMES)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_the_ui_sends_passes(site: str) -> None:
    own = (("sec-fetch-site", site), ("referer", f"http://{HERE}/runs"))
    assert refusal(request("GET", "/runs/1?tab=x", *own), NAMES) is None
    assert refusal(request("POST", "/graphql?op=Runs", *own, JSON), NAMES) is None


def test_a_link_in_an_alert_leads_to_the_run_and_to_nothing_that_acts() -> None:
    link = (*LINK, ("referer", "https://chat.example.com/"))
    assert refusal(request("GET", "/runs/1", *link), NAMES) is None
    assert refusal(request("GET", "/login?key=1", *link), NAMES) is None
    for path in ("/graphql", "/GraphQL", "/logs/a", "/notebook?path=x", "/prefix/download_debug/1", "/dagit/notebook"):
        assert refusal(request("GET", path, *link), NAMES), path
    assert refusal(request("POST", "/runs/1", JSON, *link), NAMES)
    in_frame = [(name, "iframe" if name == "sec-fetch-dest" else value) for name, value in LINK]
    assert refusal(request("GET", "/runs/1", *in_frame), NAMES)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/prefix/graphql", "/GRAPHQL", "/graphql/", "//graphql"])
def test_graphql_is_never_answered_by_get(method: str, path: str) -> None:
    for query in ("query=mutation{x}", "query={version}", "QUERY=x", "x"):
        assert refusal(request(method, f"{path}?{query}", ("accept", "text/html")), NAMES)


@pytest.mark.parametrize(
    "kinds",
    [
        [],
        [""],
        ["text/plain"],
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=x"],
        ["application/graphql"],
        ["text/plain; application/json"],
        ["text/plain;charset=application/json"],
        ["application/json; boundary=x"],
        ["application/json, text/plain"],
        ["application/jsonp"],
        ["application/json", "text/plain"],
    ],
)
@pytest.mark.parametrize(
    "path",
    ["/graphql", "/report_asset_materialization/a", "/report_asset_check/a", "/report_asset_observation/a", "/x"],
)
def test_bodies_that_need_no_preflight_are_refused(kinds: list[str], path: str) -> None:
    assert refusal(request("POST", path, *(("content-type", kind) for kind in kinds)), NAMES)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_passes(kind: str) -> None:
    assert refusal(request("POST", "/graphql", ("content-type", kind)), NAMES) is None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "POSTX"])
def test_other_methods_are_refused(method: str) -> None:
    assert refusal(request(method, "/graphql", JSON), NAMES)
