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
from pipelines.access import authorization_of, lasting, way_to
from pipelines.amocrm.oauth import REFRESH_LIFE, Integration
from pipelines.clock import Clock
from pipelines.errors import MustAuthorize, SettingsError
from pipelines.load import Loaded, load_account
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from tests.records import START


@dataclass(kw_only=True)
class Branch:
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
        authorization_of(self.account, self.settings, self.clock).authorize(code)

    def load(self) -> Loaded:
        return load_account(self.engine, self.account, self.settings, clock=self.clock)

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
def branch(engine: Engine, tmp_path: Path) -> Iterator[Branch]:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account_id = emulator.world.add_account("Corner Coffee")
        emulator.world.add_segment(account_id, "VIP", size=10)
        added = oauth.add_integration(emulator.world, "http://127.0.0.1:9/")
        integration = Integration(
            client_id=added.client_id, client_secret=Secret(added.client_secret), redirect_uri=added.redirect_uri
        )
        yield Branch(
            emulator=emulator,
            engine=engine,
            settings=Settings(data_dir=tmp_path, requests_per_second=10_000.0),
            account=AccountSettings(key="main", base_url=emulator.url, token=integration),
            account_id=account_id,
        )


def test_loads_go_on_for_as_long_as_they_are_made(branch: Branch) -> None:
    branch.authorize()
    for _ in range(4):
        loaded = branch.load()
        assert loaded.extracted.account_id == branch.account_id
        branch.emulator.clock.advance(timedelta(hours=36))
    assert lasting(branch.account, branch.settings).failure is None


def test_no_table_holds_a_secret_of_oauth(branch: Branch) -> None:
    branch.authorize()
    branch.load()
    branch.emulator.clock.advance(timedelta(hours=24))
    branch.emulator.faults.add(effects.status(500), resource="token", times=1)
    with pytest.raises(MustAuthorize, match="The tokens are lost") as caught:
        branch.load()
    assert caught.value.account == "main"
    stored = branch.stored()
    assert "MustAuthorize" in stored
    assert isinstance(branch.account.token, Integration)
    secrets = [*branch.emulator.world.grants, branch.account.token.client_secret.reveal(), "eyJ"]
    assert not [secret for secret in secrets if secret in stored]


def test_an_account_that_moved_goes_on_with_its_history(branch: Branch) -> None:
    here = branch.emulator.host
    moved_from = here.replace("127.0.0.1", "localhost")
    branch.account = AccountSettings(key="main", base_url=f"http://{moved_from}", token=branch.account.token)
    branch.authorize()
    branch.load()
    for resource in ("account", "segments", "fields"):
        branch.emulator.faults.add(effects.html(404), resource=resource, host=moved_from)
    branch.emulator.faults.add(effects.payload(lambda document: document | {"domain": here}), resource="subdomain")
    branch.emulator.clock.advance(timedelta(hours=1))
    loaded = branch.load()
    assert loaded.extracted.host == here
    assert way_to(branch.account, branch.settings).base_url == branch.emulator.url
    with branch.engine.connect() as connection:
        assert connection.scalars(text("select host from amocrm.account")).all() == [here]


def test_how_long_access_lasts(branch: Branch) -> None:
    before = lasting(branch.account, branch.settings)
    assert (before.kind, before.ends_at, before.is_renewed) == ("OAuth", None, False)
    assert before.failure is not None
    branch.authorize()
    after = lasting(branch.account, branch.settings)
    assert (after.kind, after.ends_at, after.is_renewed) == ("OAuth", START + REFRESH_LIFE, True)
    assert after.failure is None
    end = datetime(2026, 5, 1, tzinfo=UTC)
    token = Secret(branch.emulator.long_lived_token(branch.account_id, end))
    simple = lasting(AccountSettings(key="x", base_url=branch.emulator.url, token=token), branch.settings)
    assert (simple.kind, simple.ends_at, simple.is_renewed) == ("long-lived token", end, False)


def test_a_long_lived_token_has_no_authorization(branch: Branch) -> None:
    account = AccountSettings(key="main", base_url=branch.emulator.url, token=Secret("t"))
    with pytest.raises(SettingsError, match="AMOCRM_CLIENT_ID"):
        authorization_of(account, branch.settings)
    assert way_to(account, branch.settings).token() == "t"
