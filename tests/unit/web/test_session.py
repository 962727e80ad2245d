"""Sessions of Dagster's UI: a one-time login, a cookie, and a secret for scripts."""

from __future__ import annotations

import pytest

from assets.web.rules import WebRequest
from assets.web.session import Sessions

SECRET = "s" * 32


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(secret=SECRET, login_key="k" * 32, port=3000)


def get(path: str, *headers: tuple[str, str], method: str = "GET") -> WebRequest:
    path, _, query = path.partition("?")
    return WebRequest(method=method, path=path, query=query, headers=headers)


def test_the_login_address_works_once(sessions: Sessions) -> None:
    address = get(f"/login?key={'k' * 32}")
    assert sessions.is_login(address)
    assert not sessions.log_in(get(f"/login?key={'k' * 32}", method="HEAD")), "a preview does not use it up"
    assert sessions.log_in(address)
    assert not sessions.log_in(address)
    assert not sessions.log_in(get("/login?key="))
    assert not sessions.log_in(get("/login"))


def test_a_browser_with_a_session_may_open_it_again(sessions: Sessions) -> None:
    cookie = sessions.cookie.partition(";")[0]
    assert sessions.log_in(get("/login?key=used", ("cookie", cookie)))


@pytest.mark.parametrize("key", ["", "wrong", "k" * 31, "k" * 33, "ключ"])
def test_a_wrong_key_logs_nobody_in(sessions: Sessions, key: str) -> None:
    assert not sessions.log_in(get(f"/login?key={key}"))
    assert not sessions.log_in(get(f"/login?key={'k' * 32}&key={key}x"))


def test_who_may_pass(sessions: Sessions) -> None:
    cookie = sessions.cookie.partition(";")[0]
    for header in [
        ("cookie", cookie),
        ("cookie", f'odd={{"a": 1, "b"}}; {cookie}; more'),
        ("authorization", f"Bearer {SECRET}"),
        ("authorization", f"bearer  {SECRET}"),
    ]:
        assert sessions.may_pass(get("/graphql", header)), header
    for header in [
        ("cookie", ""),
        ("cookie", cookie + "x"),
        ("cookie", f"{sessions.cookie_name}={SECRET}"),
        ("cookie", cookie.replace("3000", "3001")),
        ("authorization", SECRET),
        ("authorization", "Bearer "),
        ("authorization", f"Basic {SECRET}"),
    ]:
        assert not sessions.may_pass(get("/graphql", header)), header
    assert sessions.may_pass(get("/server_info"))
    assert not sessions.may_pass(get("/"))


def test_an_empty_secret_is_no_secret() -> None:
    nothing = Sessions(secret="", login_key="", port=1)
    assert not nothing.has_session(get("/", ("authorization", "Bearer ")))
    assert not nothing.log_in(get("/login?key="))


def test_the_cookie_stays_with_the_browser_and_does_not_tell_the_secret(sessions: Sessions) -> None:
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(sessions.cookie.split("; "))
    assert "Max-Age" not in sessions.cookie, "it ends with the browser, and with the server's secret"
    assert SECRET not in sessions.cookie
