"""OAuth secrets, searched for in errors, their causes, logs and representations."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from emulator import effects, oauth
from emulator.faults import Effect
from emulator.messages import problem
from faults.oauth_account import OAuthAccount, Outage
from pipelines.amocrm.oauth import REFRESH_TOKEN_LIFETIME
from pipelines.base.errors import MustAuthorize, WarehouseError


@pytest.mark.parametrize(
    "effect",
    [
        effects.reset(),
        effects.status(500),
        effects.html(200),
        effects.truncated(),
        effects.error(401),
        effects.status(200, headers={"Content-Length": "5, 7"}),
    ],
)
def test_nothing_that_is_shown_holds_a_secret(
    oauth_account: OAuthAccount, effect: Effect, caplog: pytest.LogCaptureFixture
) -> None:
    authorization, code = oauth_account.authorized(), oauth_account.code()
    secrets = [
        code,
        oauth_account.integration.client_secret.reveal(),
        oauth_account.stored_tokens.pair.access_token.reveal(),
        oauth_account.stored_tokens.pair.refresh_token.reveal(),
    ]
    oauth_account.emulator.faults.add(effect, resource="token")
    errors: list[WarehouseError] = []
    with caplog.at_level(logging.DEBUG):
        for ask in (authorization.refresh, lambda: authorization.authorize(code)):
            with pytest.raises(WarehouseError) as caught:
                ask()
            errors.append(caught.value)
    shown = [
        caplog.text,
        repr(authorization),
        repr(vars(authorization)),
        repr(oauth_account.stored_tokens),
        repr(oauth_account.integration),
    ]
    for error in errors:
        shown += ["".join(traceback.format_exception(error)), *linked(error)]
    secrets += [oauth_account.stored_tokens.pair.refresh_token.reveal()]
    assert not [secret for secret in secrets for text in shown if secret in text]


def linked(error: BaseException | None) -> Iterator[str]:
    """An error and all that it came from, whether or not a traceback shows that."""
    while error is not None:
        yield f"{error!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("key", ["detail", "title", "hint"])
@pytest.mark.parametrize("length", [64, 900])
def test_an_answer_that_repeats_secrets_is_not_repeated(oauth_account: OAuthAccount, key: str, length: int) -> None:
    refresh_token = "def50200c0ffee".ljust(length, "7")
    given = effects.payload(lambda document: document | {"refresh_token": refresh_token})
    oauth_account.emulator.faults.add(given, resource="token", times=1)
    authorization = oauth_account.authorized()
    secret = oauth_account.integration.client_secret.reveal()
    response = problem(401, "")
    repeating = response.payload | {key: f"Of {secret} the token {refresh_token} is revoked"}
    oauth_account.answers_with(Outage(response=replace(response, payload=repeating)))
    with pytest.raises(MustAuthorize, match=r"Of \*\*\* the token \*\*\*") as caught:
        authorization.refresh()
    shown = [*linked(caught.value), repr(oauth_account.stored_tokens), str(oauth_account.stored_tokens.lost_reason)]
    assert not [text for text in shown if refresh_token[:20] in text or secret[:20] in text]


def test_the_file_says_what_it_is(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    document = json.loads(oauth_account.file.read_bytes())
    assert "Keep this file private" in document["warning"]
    assert oauth.REFRESH_TOKEN_LIFETIME == REFRESH_TOKEN_LIFETIME
    assert sorted(one.name for one in oauth_account.file.parent.iterdir()) == ["main.json", "main.lock"]
