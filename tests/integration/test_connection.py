"""Loads of an account that is reached by OAuth, how long access lasts, and tokens that no table ever holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from emulator import Emulator, effects, oauth
from emulator.clock import Clock as EmulatorClock
from pipelines.amocrm.oauth import REFRESH_TOKEN_LIFETIME
from pipelines.base.clock import Clock
from pipelines.base.errors import MustAuthorize, SettingsError
from pipelines.base.secret import Secret
from pipelines.config.integration import Integration
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.connection import endpoint_for, oauth_authorization, token_expiry
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from tests.records import START


@dataclass(kw_only=True)
class OAuthAccount:
    """An emulated account by OAuth, and loads of it."""

    emulator: Emulator
    engine: Engine
    settings: Settings
    account: AccountSettings
    account_id: int

    @property
    def clock(self) -> Clock:
        return Clock(now=self.emulator.clock.now, sleep=lambda _: None)

    def authorize(self) -> None:
        assert isinstance(self.account.token, Integration)
        code = oauth.authorize(self.emulator.world, self.account.token.client_id, self.account_id)
        oauth_authorization(self.account, self.settings, self.clock).authorize(code)

    def load(self) -> PublishedLoad:
        return load_account(LoadContext(self.engine, self.account, self.settings, clock=self.clock))

    def stored(self) -> str:
        """Everything in every table of ours."""
        with self.engine.connect() as connection:
            names = connection.scalars(text("select tablename from pg_tables where schemaname = 'amocrm'")).all()
            rows = [
                str(row) for name in names for row in connection.scalars(text(f"select t::text from amocrm.{name} t"))
            ]
            rows += [
                bytes(body).decode("utf-8", "replace")
                for body in connection.scalars(text("select body from amocrm.raw_body"))
            ]
        return "\n".join(rows)


@pytest.fixture
def oauth_account(engine: Engine, tmp_path: Path) -> Iterator[OAuthAccount]:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account_id = emulator.world.add_account("Corner Coffee")
        emulator.world.add_segment(account_id, "VIP", size=10)
        added = oauth.add_integration(emulator.world, "http://127.0.0.1:9/")
        integration = Integration(
            client_id=added.client_id, client_secret=Secret(added.client_secret), redirect_uri=added.redirect_uri
        )
        yield OAuthAccount(
            emulator=emulator,
            engine=engine,
            settings=Settings(data_dir=tmp_path, requests_per_second=10_000.0),
            account=AccountSettings(key="main", base_url=emulator.url, token=integration),
            account_id=account_id,
        )


def test_loads_go_on_for_as_long_as_they_are_made(oauth_account: OAuthAccount) -> None:
    oauth_account.authorize()
    for _ in range(4):
        loaded = oauth_account.load()
        assert loaded.extracted.account_id == oauth_account.account_id
        oauth_account.emulator.clock.advance(timedelta(hours=36))
    assert token_expiry(oauth_account.account, oauth_account.settings).failure is None


def test_no_table_holds_a_secret_of_oauth(oauth_account: OAuthAccount) -> None:
    oauth_account.authorize()
    oauth_account.load()
    oauth_account.emulator.clock.advance(timedelta(hours=24))
    oauth_account.emulator.faults.add(effects.status(500), resource="token", times=1)
    with pytest.raises(MustAuthorize, match="The tokens are lost") as caught:
        oauth_account.load()
    assert caught.value.account == "main"
    stored = oauth_account.stored()
    assert "MustAuthorize" in stored
    assert isinstance(oauth_account.account.token, Integration)
    secrets = [*oauth_account.emulator.world.grants, oauth_account.account.token.client_secret.reveal(), "eyJ"]
    assert not [secret for secret in secrets if secret in stored]


def test_an_account_that_moved_goes_on_with_its_history(oauth_account: OAuthAccount) -> None:
    here = oauth_account.emulator.host
    moved_from = here.replace("127.0.0.1", "localhost")
    oauth_account.account = AccountSettings(
        key="main", base_url=f"http://{moved_from}", token=oauth_account.account.token
    )
    oauth_account.authorize()
    oauth_account.load()
    for resource in ("account", "segments", "fields"):
        oauth_account.emulator.faults.add(effects.html(404), resource=resource, host=moved_from)
    oauth_account.emulator.faults.add(
        effects.payload(lambda document: document | {"domain": here}), resource="subdomain"
    )
    oauth_account.emulator.clock.advance(timedelta(hours=1))
    loaded = oauth_account.load()
    assert loaded.extracted.host == here
    assert endpoint_for(oauth_account.account, oauth_account.settings).base_url == oauth_account.emulator.url
    with oauth_account.engine.connect() as connection:
        assert connection.scalars(text("select host from amocrm.account")).all() == [here]


def test_how_long_access_lasts(oauth_account: OAuthAccount) -> None:
    before = token_expiry(oauth_account.account, oauth_account.settings)
    assert (before.kind, before.expires_at, before.renews_automatically) == ("OAuth", None, False)
    assert before.failure is not None
    oauth_account.authorize()
    after = token_expiry(oauth_account.account, oauth_account.settings)
    assert (after.kind, after.expires_at, after.renews_automatically) == ("OAuth", START + REFRESH_TOKEN_LIFETIME, True)
    assert after.failure is None
    end = datetime(2026, 5, 1, tzinfo=UTC)
    token = Secret(oauth_account.emulator.long_lived_token(oauth_account.account_id, end))
    simple = token_expiry(
        AccountSettings(key="x", base_url=oauth_account.emulator.url, token=token), oauth_account.settings
    )
    assert (simple.kind, simple.expires_at, simple.renews_automatically) == ("long-lived token", end, False)


def test_a_long_lived_token_has_no_authorization(oauth_account: OAuthAccount) -> None:
    account = AccountSettings(key="main", base_url=oauth_account.emulator.url, token=Secret("t"))
    with pytest.raises(SettingsError, match="AMOCRM_CLIENT_ID"):
        oauth_authorization(account, oauth_account.settings)
    assert endpoint_for(account, oauth_account.settings).token() == "t"
