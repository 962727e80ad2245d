"""Sessions of Dagster's UI: a login address that works once, a cookie, and a secret for scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assets.web.rules import WebRequest
from assets.web.secret_file import NAME, kept_secret
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
    assert SECRET not in sessions.cookie


def test_the_secret_is_kept_for_the_next_start_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secret = kept_secret(tmp_path)
    finally:
        os.umask(before)
    assert kept_secret(tmp_path) == secret
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("plant", ["readable", "link", "pipe", "short"])
def test_a_secret_that_others_may_know_is_replaced(tmp_path: Path, plant: str) -> None:
    file, elsewhere = tmp_path / NAME, tmp_path / "elsewhere"
    elsewhere.write_text("e" * 43)
    elsewhere.chmod(0o600)
    if plant == "link":
        file.symlink_to(elsewhere)
    elif plant == "pipe":
        os.mkfifo(file, 0o600)
    else:
        file.write_text("p" * (43 if plant == "readable" else 5))
        file.chmod(0o644 if plant == "readable" else 0o600)
    secret = kept_secret(tmp_path)
    assert secret[0:5] not in ("ppppp", "eeeee")
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
    assert elsewhere.read_text() == "e" * 43
