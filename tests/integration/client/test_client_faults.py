"""Errors, retries and waits of a client that meets faults: one fault of each kind.

``faults/cases/answers.py`` plays every fault at every request, tests/unit/amocrm/test_protocol.py checks how each
response is classified, and test_client_wire.py every damage to a body.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from emulator import Emulator, effects
from emulator.faults import Effect, RequestFilter
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.models import Snapshot
from pipelines.base.errors import (
    ApiError,
    Blocked,
    Forbidden,
    IncompleteList,
    InvalidRequest,
    MalformedAnswer,
    ModeDisagreement,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    WrongAccount,
)
from tests.integration.client.client_account import QUICK_LIMITS, ClientAccount

EffectFactory = Callable[[], Effect]
SHORT_TIMEOUTS = replace(QUICK_LIMITS, read_seconds=0.2, response_seconds=0.4, transient_retries=0)

REQUEST_FILTERS: dict[str, RequestFilter] = {
    "account": {"resource": "account"},
    "first page": {"resource": "segments", "page": 1},
    "middle page": {"resource": "segments", "page": 2},
    "last page": {"resource": "segments", "page": 3},
    "fields": {"resource": "fields"},
}

TRANSIENT: dict[str, tuple[EffectFactory, type[ApiError]]] = {
    "500": (lambda: effects.status(500), Unavailable),
    "503 with Retry-After": (lambda: effects.status(503, headers={"Retry-After": "7"}), Unavailable),
    "429 with a wait in the body": (lambda: effects.too_many(30), RateLimited),
    "429 without a wait": (effects.too_many, RateLimited),
    "429 in HTML": (lambda: effects.too_many(is_html=True), RateLimited),
    "reset before the answer": (effects.reset, Unavailable),
    "hung up before the answer": (effects.hang_up, Unavailable),
    "HTML with 200": (effects.html, MalformedAnswer),
    "an empty body": (lambda: effects.body(""), MalformedAnswer),
    "an error document with 200": (effects.error_called_200, MalformedAnswer),
    "gzip cut short": (effects.gzip_cut_short, MalformedAnswer),
    "a bomb": (effects.gzip_bomb, MalformedAnswer),
    "a trailing comma": (effects.trailing_comma, MalformedAnswer),
    "depth": (effects.deep, MalformedAnswer),
}
"""Faults that are tried again, and the error where they always come."""

PERMANENT: dict[str, tuple[EffectFactory, type[ApiError]]] = {
    "400": (lambda: effects.error(400), InvalidRequest),
    "401": (lambda: effects.error(401), Unauthorized),
    "403 in JSON": (lambda: effects.error(403), Forbidden),
    "403 in HTML": (effects.blocked, Blocked),
    "404 in JSON": (lambda: effects.error(404), NotFound),
    "405": (lambda: effects.status(405), ApiError),
    "422": (lambda: effects.error(422, "Customers disabled"), ModeDisagreement),
    "429 with an absurd wait": (lambda: effects.too_many(10**30), RateLimited),
    "a redirect": (lambda: effects.redirect("https://example.com/"), NotFound),
}
"""Faults that are refused at once, though they come once only."""


def comparable(snapshot: Snapshot) -> list[object]:
    """What a snapshot says, its time and oddities aside."""
    return [snapshot.account, snapshot.segments, snapshot.fields, snapshot.gone_segment_ids, snapshot.gone_field_ids]


@pytest.fixture
def expected_content(account: ClientAccount) -> list[object]:
    """What there is; the account has three pages of segments."""
    account.set_page_size(3)
    found = comparable(account.snapshot(account.known))
    account.emulator.requests.clear()
    return found


def load_error(account: ClientAccount, limits: Limits = QUICK_LIMITS) -> ApiError:
    with pytest.raises(ApiError) as caught:
        account.extract(account.known, limits)
    return caught.value


@pytest.mark.parametrize("place", ["middle page"])
@pytest.mark.parametrize("name", TRANSIENT)
def test_lasting_transient_faults_are_given_up(
    account: ClientAccount, expected_content: list[object], name: str, place: str
) -> None:
    fault = account.emulator.faults.add(TRANSIENT[name][0](), **REQUEST_FILTERS[place])
    error = load_error(account)
    assert type(error) is TRANSIENT[name][1]
    assert error.account == "shop"
    assert fault.hits == (2 if TRANSIENT[name][1] is MalformedAnswer else 6)
    assert all(0 <= wait <= 120 for wait in account.slept)
    assert expected_content


@pytest.mark.parametrize("place", ["account", "last page"])
@pytest.mark.parametrize("name", PERMANENT)
def test_permanent_faults_are_refused_at_once(
    account: ClientAccount, expected_content: list[object], name: str, place: str
) -> None:
    fault = account.emulator.faults.add(PERMANENT[name][0](), **REQUEST_FILTERS[place])
    error = load_error(account)
    assert type(error) is PERMANENT[name][1]
    assert fault.hits == 1
    assert expected_content


@pytest.mark.parametrize(
    ("effect", "place", "kind"),
    [
        (effects.page_number(2), "first page", MalformedAnswer),
        (effects.page_count(None), "first page", None),
        (effects.no_next(), "first page", None),
        (effects.looping_next(), "first page", IncompleteList),
        (effects.one_more_page(), "last page", None),
        (effects.totals(6), "last page", None),
        (effects.items(lambda rows: rows[:1]), "middle page", IncompleteList),
        (effects.items(lambda rows: [*rows, rows[0]]), "middle page", None),
        (effects.items(lambda rows: [*rows, rows[0] | {"name": "x"}]), "middle page", IncompleteList),
        (effects.body("[]"), "first page", IncompleteList),
        (effects.no_content(), "first page", IncompleteList),
    ],
)
def test_pages_that_do_not_fit_together_are_exact_or_refused(
    account: ClientAccount, expected_content: list[object], effect: Effect, place: str, kind: type[ApiError] | None
) -> None:
    account.emulator.faults.add(effect, **REQUEST_FILTERS[place])
    if kind is None:
        assert comparable(account.snapshot(account.known)) == expected_content
    else:
        assert type(load_error(account)) is kind


def test_a_row_on_two_pages_with_another_content_is_refused(
    account: ClientAccount, expected_content: list[object]
) -> None:
    account.emulator.faults.add(effects.repeated_thing(name="Other"), resource="segments")
    assert type(load_error(account)) is IncompleteList
    assert expected_content


def test_segments_of_another_account_are_refused(account: ClientAccount, expected_content: list[object]) -> None:
    account.emulator.faults.add(
        effects.items(lambda rows: [row | {"account_id": 8} for row in rows]), resource="segments", page=3
    )
    with pytest.raises(WrongAccount):
        account.snapshot(account.known)
    assert expected_content


# Waiting


@pytest.mark.parametrize(
    ("effect", "waits"),
    [
        (effects.too_many(30), [30.0]),
        (effects.too_many(in_header="20"), [20.0]),
        (effects.too_many(30, "20"), [30.0]),
        (effects.too_many(120), [120.0]),
        (effects.too_many(), [1.0]),
        (effects.status(500), [1.0]),
        (effects.status(503, headers={"Retry-After": "7"}), [7.0]),
    ],
)
def test_a_requested_wait_is_kept(account: ClientAccount, effect: Effect, waits: list[float]) -> None:
    account.emulator.faults.add(effect, resource="account", times=1)
    with account.client() as client:
        assert client.fetch_account().id == account.account_id
    assert account.slept[: len(waits)] == waits


def test_a_wait_as_a_date_is_counted_from_the_servers_clock(account: ClientAccount) -> None:
    until = (account.emulator.clock.now() + timedelta(seconds=45)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    account.emulator.faults.add(effects.too_many(in_header=until), resource="account", times=1)
    with account.client() as client:
        client.fetch_account()
    assert account.slept[0] == 45.0


def test_no_load_waits_beyond_its_own_end(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.too_many(100), resource="account")
    assert type(load_error(account, replace(QUICK_LIMITS, load_seconds=60))) is RateLimited
    assert account.slept == []


def test_a_blocked_host_is_left_alone_by_all_clients(account: ClientAccount) -> None:
    with account.emulator.faults.during(effects.blocked()):
        load_error(account)
    account.emulator.requests.clear()
    error = load_error(account)
    assert isinstance(error, Blocked)
    assert "another 60 minutes" in str(error)
    assert account.emulator.requests == []


def test_a_rate_limited_host_is_left_alone_by_all_clients_for_the_while(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.too_many(30), resource="account", times=1)
    with account.client() as client:
        client.fetch_account()
    with account.client() as other:
        other.fetch_account()
    assert [round(wait) for wait in account.slept] == [30, 30, 30]


# Deadlines


@pytest.mark.parametrize(
    "effect",
    [
        effects.silence(),
        effects.drip(0.05),
        effects.drip(0.05, is_head_too=True),
        effects.drip(0.15, piece=8),
    ],
)
def test_an_answer_that_takes_too_long_is_cut_off(account: ClientAccount, effect: Effect) -> None:
    account.emulator.faults.add(effect, resource="segments")
    assert type(load_error(account, SHORT_TIMEOUTS)) is Unavailable


def test_a_response_cut_off_once_is_retried(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.drip(0.05, is_head_too=True), resource="segments", times=1)
    limits = replace(QUICK_LIMITS, response_seconds=1.0, transient_retries=1)
    assert len(account.snapshot(account.known, limits).segments) == 7


# Hosts and secrets


@pytest.fixture
def stranger() -> Iterator[Emulator]:
    """Another host, which must never hear of us."""
    with Emulator() as running:
        yield running


def test_a_link_to_another_host_is_not_followed(
    account: ClientAccount, expected_content: list[object], stranger: Emulator
) -> None:
    link = f"{stranger.url}/api/v4/customers/segments?page=2&limit=250"
    account.emulator.faults.add(effects.next_link(link), resource="segments", page=1)
    assert comparable(account.snapshot(account.known)) == expected_content
    assert stranger.requests == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(account: ClientAccount, stranger: Emulator, code: int) -> None:
    account.emulator.faults.add(effects.redirect(f"{stranger.url}/api/v4/account?token=canary", code))
    error = load_error(account)
    assert type(error) is NotFound
    assert "canary" not in str(error)
    assert stranger.requests == []


def test_the_environment_is_not_trusted(
    account: ClientAccount, stranger: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, stranger.url)
    token = account.token
    with account.client(token=lambda: token) as client:
        client.fetch_account()
    assert stranger.requests == []
    assert account.emulator.requests[0].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    "effect",
    [
        effects.status(401),
        effects.status(500),
        effects.html(),
        effects.blocked(),
        effects.reset(),
        effects.silence(),
        effects.redirect("https://example.com/"),
        effects.plain_called_gzip(),
        effects.status(200, headers={"Content-Length": "5, 7"}),
    ],
)
def test_no_error_log_or_context_holds_the_token(
    account: ClientAccount, effect: Effect, caplog: pytest.LogCaptureFixture
) -> None:
    token = account.token
    account.emulator.faults.add(effect)
    with caplog.at_level(logging.DEBUG), account.client(SHORT_TIMEOUTS, token=lambda: token) as client:
        with pytest.raises(ApiError) as caught:
            client.fetch_account()
        assert token not in repr(client)
    error: BaseException | None = caught.value
    assert token not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    while error is not None:
        assert isinstance(error, ApiError), "an exception of a library may hold the request, and so the token"
        error = error.__cause__ or error.__context__
    assert not caplog.text
