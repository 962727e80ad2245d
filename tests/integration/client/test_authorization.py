"""Access by OAuth: given for a code, renewed by one for all, and lost only with an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from emulator import effects
from emulator.faults import Effect
from faults.oauth_account import OAuthAccount
from pipelines.amocrm.oauth import REFRESH_LIFE
from pipelines.amocrm.token_file import ROOM_BYTES
from pipelines.errors import (
    MustAuthorize,
    Unauthorized,
)

# Access is given


def test_a_code_gives_access_that_is_kept_and_works(place: OAuthAccount) -> None:
    authorization = place.authorized()
    with place.client(authorization) as client:
        assert client.account().id == place.account_id
        assert len(client.segments().rows) == 1
    [sent] = place.sent_for_tokens
    assert set(sent) == {"client_id", "client_secret", "redirect_uri", "grant_type", "code"}
    assert sent["grant_type"] == "authorization_code"
    [request] = [one for one in place.emulator.requests if one.path == "/oauth2/access_token"]
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert "authorization" not in request.headers
    assert (place.file.stat().st_mode & 0o777, place.file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert place.authorization()() == authorization()
    assert not place.is_open


def test_a_file_that_others_could_read_is_closed_to_them(place: OAuthAccount) -> None:
    place.authorized()
    place.file.chmod(0o644)
    place.authorization().refresh()
    assert place.file.stat().st_mode & 0o777 == 0o600


def test_without_access_nothing_is_asked(place: OAuthAccount) -> None:
    with pytest.raises(MustAuthorize, match=r"Nobody has given access .* auth login"):
        place.authorization()()
    with place.client(place.authorization()) as client, pytest.raises(MustAuthorize):
        client.account()
    assert place.emulator.requests == []


@pytest.mark.parametrize("is_late", [True, False])
def test_a_code_that_is_refused_leaves_what_was_there(place: OAuthAccount, is_late: bool) -> None:
    place.authorized()
    before, code = place.kept, place.code() if is_late else "no-such-code-at-all"
    place.emulator.clock.advance(timedelta(minutes=20))
    with pytest.raises(MustAuthorize, match=r"The code brought no tokens.*another one"):
        place.authorization().authorize(code)
    assert (place.kept, place.is_open) == (before, False)
    place.authorization().refresh()


def test_a_code_whose_answer_is_lost_costs_a_code_and_no_more(place: OAuthAccount) -> None:
    place.authorized()
    before = place.kept
    fault = place.emulator.faults.add(effects.reset(), resource="token")
    with pytest.raises(MustAuthorize, match=r"The code brought no tokens"):
        place.authorization().authorize(place.code())
    assert (fault.hits, place.kept) == (1, before)
    place.emulator.faults.clear()
    place.authorization().authorize(place.code())
    assert place.kept != before


# Renewal


def test_access_that_has_ended_is_renewed_before_it_is_used(place: OAuthAccount) -> None:
    authorization = place.authorized()
    before = place.kept
    place.let_access_end()
    for worker in (authorization, place.authorization()):
        with place.client(worker) as client:
            client.account()
    assert [sent["grant_type"] for sent in place.sent_for_tokens] == ["authorization_code", "refresh_token"]
    assert 401 not in {answer.status for answer in client.answers}
    assert place.kept.pair.refresh_token != before.pair.refresh_token
    assert place.grant(before).is_used
    assert not place.grant(place.kept).is_used
    assert not place.is_open


def test_access_that_is_refused_is_renewed_once_and_the_request_repeated(place: OAuthAccount) -> None:
    authorization = place.authorized()
    place.emulator.faults.add(effects.error(401), resource="account", times=1)
    with place.client(authorization) as client:
        assert client.account().id == place.account_id
    assert [answer.status for answer in client.answers] == [401, 200]
    assert place.renewals == 2
    place.emulator.faults.add(effects.error(401), resource="account")
    with place.client(authorization) as client, pytest.raises(Unauthorized):
        client.account()
    assert place.renewals == 3


def test_access_lasts_as_long_as_it_is_renewed(place: OAuthAccount) -> None:
    place.authorized()
    for _ in range(100):
        place.let_access_end()
        place.authorization()()
    assert place.renewals == 101
    assert place.kept.pair.refresh_ends_at - place.emulator.clock.now() == REFRESH_LIFE


def test_what_is_on_the_disk_while_amocrm_is_asked(place: OAuthAccount) -> None:
    place.authorized()
    before = place.kept
    seen = []

    def look(_: object) -> None:
        room = place.file.with_suffix(".renewing").read_bytes()
        seen.append((len(room), room.strip(), place.kept, place.grant(before).is_used))

    place.emulator.faults.add(effects.meanwhile(look), resource="token")
    place.authorization().refresh()
    assert seen == [(ROOM_BYTES, b"", before, False)]


@pytest.mark.parametrize("count", [4])
def test_workers_at_once_renew_once(place: OAuthAccount, count: int) -> None:
    place.authorized()
    workers = [place.authorization() for _ in range(count)]
    old = {worker() for worker in workers}
    barrier = threading.Barrier(count)

    def refuse_and_refresh(number: int) -> str:
        barrier.wait()
        workers[number].refresh()
        return workers[number]()

    place.emulator.faults.add(effects.drip(0.01, piece=64), resource="token")
    with ThreadPoolExecutor(count) as pool:
        new = set(pool.map(refuse_and_refresh, range(count)))
    assert len(old) == len(new) == 1
    assert old != new
    assert place.renewals == 2


# The answer is lost


LOST: list[Callable[[], Effect]] = [
    effects.reset,
    effects.hang_up,
    lambda: effects.hang_up(200),
    effects.truncated,
    effects.gzip_bad_crc,
    effects.trailing_comma,
    lambda: effects.status(500),
    lambda: effects.html(502),
    lambda: effects.html(200),
    lambda: effects.payload(lambda document: document | {"refresh_token": None}),
    lambda: effects.payload(lambda document: document | {"access_token": "two words"}),
    lambda: effects.payload(lambda _: []),
]


@pytest.mark.parametrize("lost", LOST)
def test_an_answer_lost_for_good_ends_in_authorize_again_and_no_more_questions(
    place: OAuthAccount, lost: Callable[[], Effect]
) -> None:
    place.authorized()
    place.emulator.faults.add(lost(), resource="token", times=1)
    with pytest.raises(MustAuthorize, match=r"The tokens are lost: .*no answer arrived.* auth login") as caught:
        place.authorization().refresh()
    assert caught.value.exit_code == 19
    assert place.renewals == 3, "a code, the renewal, and the same again"
    for _ in range(3):
        with pytest.raises(MustAuthorize, match=r"The tokens are lost"):
            place.authorization().refresh()
    assert place.renewals == 3
    place.let_access_end()
    with place.client(place.authorization()) as client, pytest.raises(MustAuthorize):
        client.account()
    assert place.renewals == 3
    assert place.authorization().find() == place.emulator.url
    assert place.emulator.requests[-1].path == "/oauth2/access_token", "nothing is asked with a dead token"
    place.authorized()
    with place.client(place.authorization()) as client:
        client.account()


def test_access_that_has_not_ended_is_used_though_there_is_no_next(place: OAuthAccount) -> None:
    place.authorized()
    place.emulator.faults.add(effects.reset(), resource="token", times=1)
    with pytest.raises(MustAuthorize):
        place.authorization().refresh()
    with place.client(place.authorization()) as client:
        client.account()
