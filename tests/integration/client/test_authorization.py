"""OAuth: authorize by code, renew once for all workers, lose access only with a lost response."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from emulator import effects
from emulator.faults import Effect
from faults.oauth_account import OAuthAccount
from pipelines.amocrm.oauth import REFRESH_TOKEN_LIFETIME
from pipelines.amocrm.token_store import RESERVED_BYTES
from pipelines.base.errors import (
    MustAuthorize,
    Unauthorized,
)

# Access is given


def test_a_code_gives_access_that_is_kept_and_works(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    with oauth_account.client(authorization) as client:
        assert client.fetch_account().id == oauth_account.account_id
        assert len(client.fetch_list("segments").rows) == 1
    [sent] = oauth_account.sent_for_tokens
    assert set(sent) == {"client_id", "client_secret", "redirect_uri", "grant_type", "code"}
    assert sent["grant_type"] == "authorization_code"
    [request] = [one for one in oauth_account.emulator.requests if one.path == "/oauth2/access_token"]
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert "authorization" not in request.headers
    assert (oauth_account.file.stat().st_mode & 0o777, oauth_account.file.parent.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )
    assert oauth_account.authorization()() == authorization()
    assert not oauth_account.is_open


def test_a_file_that_others_could_read_is_closed_to_them(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.file.chmod(0o644)
    oauth_account.authorization().refresh()
    assert oauth_account.file.stat().st_mode & 0o777 == 0o600


def test_without_access_no_request_is_sent(oauth_account: OAuthAccount) -> None:
    with pytest.raises(MustAuthorize, match=r"has not been granted yet.* auth login"):
        oauth_account.authorization()()
    with oauth_account.client(oauth_account.authorization()) as client, pytest.raises(MustAuthorize):
        client.fetch_account()
    assert oauth_account.emulator.requests == []


@pytest.mark.parametrize("is_late", [True, False])
def test_a_code_that_is_refused_leaves_what_was_there(oauth_account: OAuthAccount, is_late: bool) -> None:
    oauth_account.authorized()
    before, code = oauth_account.stored_tokens, oauth_account.code() if is_late else "no-such-code-at-all"
    oauth_account.emulator.clock.advance(timedelta(minutes=20))
    with pytest.raises(MustAuthorize, match=r"issued no tokens for the code.*a new one"):
        oauth_account.authorization().authorize(code)
    assert (oauth_account.stored_tokens, oauth_account.is_open) == (before, False)
    oauth_account.authorization().refresh()


def test_a_code_whose_answer_is_lost_costs_a_code_and_no_more(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    before = oauth_account.stored_tokens
    fault = oauth_account.emulator.faults.add(effects.reset(), resource="token")
    with pytest.raises(MustAuthorize, match=r"issued no tokens for the code"):
        oauth_account.authorization().authorize(oauth_account.code())
    assert (fault.hits, oauth_account.stored_tokens) == (1, before)
    oauth_account.emulator.faults.clear()
    oauth_account.authorization().authorize(oauth_account.code())
    assert oauth_account.stored_tokens != before


# Renewal


def test_access_that_has_ended_is_renewed_before_it_is_used(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    before = oauth_account.stored_tokens
    oauth_account.let_access_end()
    for worker in (authorization, oauth_account.authorization()):
        with oauth_account.client(worker) as client:
            client.fetch_account()
    assert [sent["grant_type"] for sent in oauth_account.sent_for_tokens] == ["authorization_code", "refresh_token"]
    assert 401 not in {response.status for response in client.responses}
    assert oauth_account.stored_tokens.pair.refresh_token != before.pair.refresh_token
    assert oauth_account.grant(before).is_used
    assert not oauth_account.grant(oauth_account.stored_tokens).is_used
    assert not oauth_account.is_open


def test_access_that_is_refused_is_renewed_once_and_the_request_repeated(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    oauth_account.emulator.faults.add(effects.error(401), resource="account", times=1)
    with oauth_account.client(authorization) as client:
        assert client.fetch_account().id == oauth_account.account_id
    assert [response.status for response in client.responses] == [401, 200]
    assert oauth_account.renewals == 2
    oauth_account.emulator.faults.add(effects.error(401), resource="account")
    with oauth_account.client(authorization) as client, pytest.raises(Unauthorized):
        client.fetch_account()
    assert oauth_account.renewals == 3


def test_access_lasts_as_long_as_it_is_renewed(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    for _ in range(100):
        oauth_account.let_access_end()
        oauth_account.authorization()()
    assert oauth_account.renewals == 101
    assert (
        oauth_account.stored_tokens.pair.refresh_expires_at - oauth_account.emulator.clock.now()
        == REFRESH_TOKEN_LIFETIME
    )


def test_files_on_disk_during_a_renewal(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    before = oauth_account.stored_tokens
    seen = []

    def look(_: object) -> None:
        room = oauth_account.file.with_suffix(".renewing").read_bytes()
        seen.append((len(room), room.strip(), oauth_account.stored_tokens, oauth_account.grant(before).is_used))

    oauth_account.emulator.faults.add(effects.before_response(look), resource="token")
    oauth_account.authorization().refresh()
    assert seen == [(RESERVED_BYTES, b"", before, False)]


@pytest.mark.parametrize("count", [4])
def test_workers_at_once_renew_once(oauth_account: OAuthAccount, count: int) -> None:
    oauth_account.authorized()
    workers = [oauth_account.authorization() for _ in range(count)]
    old = {worker() for worker in workers}
    barrier = threading.Barrier(count)

    def refuse_and_refresh(number: int) -> str:
        barrier.wait()
        workers[number].refresh()
        return workers[number]()

    oauth_account.emulator.faults.add(effects.drip(0.01, piece=64), resource="token")
    with ThreadPoolExecutor(count) as pool:
        new = set(pool.map(refuse_and_refresh, range(count)))
    assert len(old) == len(new) == 1
    assert old != new
    assert oauth_account.renewals == 2


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
    oauth_account: OAuthAccount, lost: Callable[[], Effect]
) -> None:
    oauth_account.authorized()
    oauth_account.emulator.faults.add(lost(), resource="token", times=1)
    with pytest.raises(MustAuthorize, match=r"The tokens are lost: .*did not arrive.* auth login") as caught:
        oauth_account.authorization().refresh()
    assert caught.value.exit_code == 19
    assert oauth_account.renewals == 3, "a code, the renewal, and the same again"
    for _ in range(3):
        with pytest.raises(MustAuthorize, match=r"The tokens are lost"):
            oauth_account.authorization().refresh()
    assert oauth_account.renewals == 3
    oauth_account.let_access_end()
    with oauth_account.client(oauth_account.authorization()) as client, pytest.raises(MustAuthorize):
        client.fetch_account()
    assert oauth_account.renewals == 3
    assert oauth_account.authorization().find() == oauth_account.emulator.url
    assert oauth_account.emulator.requests[-1].path == "/oauth2/access_token", "nothing is asked with a dead token"
    oauth_account.authorized()
    with oauth_account.client(oauth_account.authorization()) as client:
        client.fetch_account()


def test_access_that_has_not_ended_is_used_though_there_is_no_next(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.emulator.faults.add(effects.reset(), resource="token", times=1)
    with pytest.raises(MustAuthorize):
        oauth_account.authorization().refresh()
    with oauth_account.client(oauth_account.authorization()) as client:
        client.fetch_account()
