"""No secret is in the arguments of any started process."""

from __future__ import annotations

import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url

from commands.auth import opened
from pipelines.base.errors import DatabaseUnavailable, SettingsError
from pipelines.config.database_url import parse_database_url
from pipelines.warehouse.client_environment import client_environment
from pipelines.warehouse.engine import open_engine
from tests.command_line import run

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="only Linux shows the arguments of processes in /proc")

CANARY = "canary-6f1d"


def arguments_of_all() -> dict[int, str]:
    """The arguments of every process of this machine."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    return found


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect the arguments of all processes until the context ends."""
    seen: set[str] = set()
    shown: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.update(arguments_of_all().values())
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield shown
    finally:
        stop.set()
        thread.join()
        shown.extend(seen)


@pytest.fixture
def login(postgres_url: str) -> Iterator[str]:
    """A login whose password is the canary."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"create role canary_login login password '{CANARY}'")
        try:
            yield "canary_login"
        finally:
            admin.execute("drop role canary_login")


FORMS: dict[str, Callable[[str, str], str]] = {
    "as documented": lambda login, place: f"postgresql://{login}:{CANARY}@{place}",
    "postgres://": lambda login, place: f"postgres://{login}:{CANARY}@{place}",
    "with the driver": lambda login, place: f"postgresql+psycopg://{login}:{CANARY}@{place}",
    "in the query string": lambda login, place: f"postgresql://{place}?user={login}&password={CANARY}",
    "password of a key": lambda login, place: f"postgresql://{login}:{CANARY}@{place}?sslpassword={CANARY}-key",
    "with a setting": lambda login, place: (
        f"postgresql://{login}:{CANARY}@{place}?options=-c%20application_name%3Dmine"
    ),
}


@needs_proc
@pytest.mark.parametrize("form", FORMS)
def test_psql_shows_no_password_and_connects(form: str, postgres_url: str, login: str, tmp_path: Path) -> None:
    address = make_url(postgres_url)
    written = FORMS[form](login, f"{address.host}:{address.port}/{address.database}")
    query = "select current_user, current_database(), pg_sleep(0.3)"
    with watched() as shown:
        done = run("psql", "-Atc", query, folder=tmp_path, DATABASE_URL=written, PGSERVICE="of_somebody_else")
    assert done.stdout == f"{login}|{address.database}|\n", done.stderr
    assert any(query in line for line in shown), "psql was seen"
    assert [line for line in shown if CANARY in line] == []


def test_what_has_no_variable_is_in_a_file_of_the_user_s_own() -> None:
    address = parse_database_url(f"postgresql://u:p@h/d?sslpassword={CANARY}&passfile=/run/secret&keepalives=0")
    with client_environment(address, {"PGSERVICE": "other", "HOME": "/home"}) as variables:
        file = Path(variables["PGSERVICEFILE"])
        assert file.read_text() == f"[amocrm_warehouse]\nsslpassword={CANARY}\nkeepalives=0\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o077 == 0
        assert {name: variables[name] for name in ("PGPASSWORD", "PGPASSFILE", "PGUSER", "PGSERVICE", "HOME")} == {
            "PGPASSWORD": "p",
            "PGPASSFILE": "/run/secret",
            "PGUSER": "u",
            "PGSERVICE": "amocrm_warehouse",
            "HOME": "/home",
        }
    assert not file.exists()


def test_what_a_service_file_cannot_hold_is_refused() -> None:
    for query in ("sslpassword=two%0Alines", "service=mine&sslpassword=x"):
        address = parse_database_url(f"postgresql://h/d?{query}")
        with pytest.raises(SettingsError, match="sslpassword"), client_environment(address, {}):
            pass


def test_an_error_of_connecting_shows_no_secret_of_the_query_string() -> None:
    # libpq repeats what it takes for a host's name.
    engine = open_engine(f"postgresql://{CANARY}.invalid/d?password={CANARY}")
    with pytest.raises(DatabaseUnavailable) as raised:
        engine.connect()
    assert CANARY not in str(raised.value).partition("Cannot connect")[2].partition(": ")[2]
    with pytest.raises(SettingsError) as refused:
        parse_database_url(f"postgresql://h/d?port={CANARY}")
    assert CANARY not in str(refused.value)


@needs_proc
def test_no_command_shows_a_secret(postgres_url: str, login: str, tmp_path: Path) -> None:
    """The embedded server's password is in its folder; everything else is a canary."""
    token = f"{CANARY}-token"
    variables = {
        "AMOCRM_HOST": "127.0.0.1:9",
        "AMOCRM_TOKEN": token,
        "AMOCRM_ALERT_WEBHOOK_URL": f"http://127.0.0.1:9/{CANARY}",
        "AMOCRM_ALERT_URLS": f"tgram://{CANARY} json://127.0.0.1:9/{CANARY}",
    }
    data = tmp_path / "data"
    address = make_url(postgres_url)
    with watched() as shown:
        for arguments in (("migrate",), ("psql", "-Atc", "select 1"), ("doctor",)):
            run(*arguments, folder=tmp_path, **variables)
        elsewhere = f"postgresql://{login}:{CANARY}@{address.host}:{address.port}/{address.database}"
        for arguments in (("sync",), ("doctor",), ("report",), ("reader",)):
            run(*arguments, folder=tmp_path, DATABASE_URL=elsewhere, **variables)
    secrets = {CANARY, quote(CANARY), (data / "postgres" / "password").read_text().strip()}
    assert any("initdb" in line for line in shown)
    assert any("postgres" in line and "-D" in line for line in shown)
    assert [line for line in shown if any(secret in line for secret in secrets)] == []


@needs_proc
def test_the_browser_s_arguments_do_not_show_the_state_of_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nsleep 0.3\ncat "${{1#file://}}" >{tmp_path}/shown\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    with watched() as shown, opened(f"https://www.amocrm.ru/oauth?client_id=1&state={CANARY}"):
        pass
    assert any(str(browser) in line for line in shown), "the browser was seen"
    assert [line for line in shown if CANARY in line] == []
    assert f"https://www.amocrm.ru/oauth?client_id=1&amp;state={CANARY}" in (tmp_path / "shown").read_text()
