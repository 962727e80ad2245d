"""Loads by OAuth, token expiry, and no token in any table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects, oauth
from faults.oauth_account import new_integration
from pipelines.amocrm.oauth import REFRESH_TOKEN_LIFETIME
from pipelines.base.errors import MustAuthorize, SettingsError
from pipelines.base.secret import Secret
from pipelines.config.integration import Integration
from pipelines.config.settings import AccountSettings
from pipelines.load.access import endpoint_for, oauth_authorization, token_expiry
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from tests.accounts import EmulatedAccount, emulator_clock
from tests.records import START


class OAuthAccount(EmulatedAccount):
    """An emulated account with OAuth access that is not granted yet."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        super().__init__(emulator, engine, root)
        self.world.add_segment(self.id, "VIP", size=10)
        self.account = replace(self.account, token=new_integration(self.world))

    def authorize(self) -> None:
        assert isinstance(self.account.token, Integration)
        code = oauth.authorize(self.world, self.account.token.client_id, self.id)
        oauth_authorization(self.account, self.settings, emulator_clock(self.emulator)).authorize(code)

    def load_now(self) -> PublishedLoad:
        return load_account(LoadContext(self.engine, self.account, self.settings, clock=emulator_clock(self.emulator)))

    def stored(self) -> str:
        """Everything in every table of ours."""
        tables = [name for (name,) in self.rows("select tablename from pg_tables where schemaname = 'amocrm'")]
        rows = [str(row) for name in tables for row in self.rows(f"select t::text from amocrm.{name} t")]
        rows += [bytes(body).decode("utf-8", "replace") for (body,) in self.rows("select body from amocrm.raw_body")]
        return "\n".join(rows)


@pytest.fixture
def oauth_account(emulator: Emulator, engine: Engine, tmp_path: Path) -> OAuthAccount:
    return OAuthAccount(emulator, engine, tmp_path)


def test_regular_loads_keep_access(oauth_account: OAuthAccount) -> None:
    oauth_account.authorize()
    for _ in range(4):
        loaded = oauth_account.load_now()
        assert loaded.extracted.account_id == oauth_account.id
        oauth_account.emulator.clock.advance(timedelta(hours=36))
    assert token_expiry(oauth_account.account, oauth_account.settings).failure is None


def test_no_table_holds_a_secret_of_oauth(oauth_account: OAuthAccount) -> None:
    oauth_account.authorize()
    oauth_account.load_now()
    oauth_account.emulator.clock.advance(timedelta(hours=24))
    oauth_account.emulator.faults.add(effects.status(500), resource="token", times=1)
    with pytest.raises(MustAuthorize, match="The tokens are lost") as caught:
        oauth_account.load_now()
    assert caught.value.account == "main"
    stored = oauth_account.stored()
    assert "MustAuthorize" in stored
    assert isinstance(oauth_account.account.token, Integration)
    secrets = [*oauth_account.emulator.world.grants, oauth_account.account.token.client_secret.reveal(), "eyJ"]
    assert not [secret for secret in secrets if secret in stored]


def test_an_account_that_moved_goes_on_with_its_history(oauth_account: OAuthAccount) -> None:
    here = oauth_account.emulator.host
    moved_from = here.replace("127.0.0.1", "localhost")
    oauth_account.account = replace(oauth_account.account, base_url=f"http://{moved_from}")
    oauth_account.authorize()
    oauth_account.load_now()
    for resource in ("account", "segments", "fields"):
        oauth_account.emulator.faults.add(effects.html(404), resource=resource, host=moved_from)
    oauth_account.emulator.faults.add(
        effects.payload(lambda document: document | {"domain": here}), resource="subdomain"
    )
    oauth_account.emulator.clock.advance(timedelta(hours=1))
    loaded = oauth_account.load_now()
    assert loaded.extracted.host == here
    assert endpoint_for(oauth_account.account, oauth_account.settings).base_url == oauth_account.emulator.url
    assert oauth_account.rows("select host from amocrm.account") == [(here,)]


def test_token_expiry_by_kind_of_access(oauth_account: OAuthAccount) -> None:
    before = token_expiry(oauth_account.account, oauth_account.settings)
    assert (before.kind, before.expires_at, before.renews_automatically) == ("OAuth", None, False)
    assert before.failure is not None
    oauth_account.authorize()
    after = token_expiry(oauth_account.account, oauth_account.settings)
    assert (after.kind, after.expires_at, after.renews_automatically) == ("OAuth", START + REFRESH_TOKEN_LIFETIME, True)
    assert after.failure is None
    end = datetime(2026, 5, 1, tzinfo=UTC)
    token = Secret(oauth_account.emulator.long_lived_token(oauth_account.id, end))
    simple = token_expiry(
        AccountSettings(key="x", base_url=oauth_account.emulator.url, token=token), oauth_account.settings
    )
    assert (simple.kind, simple.expires_at, simple.renews_automatically) == ("long-lived token", end, False)


def test_a_long_lived_token_has_no_authorization(oauth_account: OAuthAccount) -> None:
    account = AccountSettings(key="main", base_url=oauth_account.emulator.url, token=Secret("t"))
    with pytest.raises(SettingsError, match="AMOCRM_CLIENT_ID"):
        oauth_authorization(account, oauth_account.settings)
    assert endpoint_for(account, oauth_account.settings).token() == "t"
