"""Secrets searched for in everything that is stored or printed, encoded forms included."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote

from sqlalchemy import Engine, make_url, text

from emulator import effects, oauth
from emulator.entities import Json
from emulator.faults import Effect
from faults.account_under_test import AccountUnderTest, Loaded, account_under_test
from faults.case import REFUSED, Case, Trial, Verdict
from faults.cases.answers import PLACES
from faults.harness import Harness
from faults.oauth_account import new_integration
from faults.secrecy import forms
from pipelines.amocrm.authorization import Authorization
from pipelines.config.integration import Integration
from pipelines.embedded_postgres import cluster
from pipelines.load.access import oauth_authorization

ECHOES: Final[Mapping[str, Callable[[str], str]]] = {
    "as it is": lambda token: token,
    "after Bearer": lambda token: f"Authorization: Bearer {token}",
    "URL-encoded": lambda token: f"https://example.com/?token={quote(token, safe='')}",
    "base64": lambda token: b64encode(token.encode()).decode(),
    "the first half": lambda token: token[: len(token) // 2],
}
"""Ways in which a response can repeat the token."""

CODES: Final = (200, 400, 401, 403, 404, 422, 500)


def cases() -> Iterator[Case]:
    """Yield each secret with each way to leak."""
    for number, (name, echo) in enumerate(ECHOES.items()):
        for place in ("account", "segments, middle page", "segment by id"):
            yield Case(
                name=f"secrets: an answer repeats the token {name}, {place}",
                wrong=f"amoCRM's errors repeat the token ({name}), with each status, at: {place}.",
                must="No table, view, kept answer, log, error or server's log holds it.",
                play=partial(echoed, echo=echo, place=place),
                is_quick=place == "account" and number % 2 == 0,
                seconds=300,
            )
    yield Case(
        name="secrets: the database's password",
        wrong="The database refuses the password, its port is closed, its name is wrong.",
        must="No log or error holds the password.",
        play=password,
        allowed=REFUSED,
        is_quick=True,
    )
    for name, make in (("well", None), ("cut short", effects.truncated), ("with 401", partial(effects.error, 401))):
        yield Case(
            name=f"secrets: OAuth, a renewal that ends {name}",
            wrong=f"A load renews its access, which ends {name}.",
            must="No table, view, kept answer, log or error holds a token or the client's secret.",
            play=partial(renewed, make=make),
            is_quick=make is None,
        )


def echoed(harness: Harness, *, echo: Callable[[str], str], place: str) -> Iterator[Trial]:
    """Load once per status, while the response repeats the token."""
    at = PLACES[place]
    for code in CODES[:2] if harness.is_quick else CODES:
        with account_under_test(harness, at.mode) as account:
            before, said = account.contents(), echo(account.token)
            effect = (
                effects.payload(partial(_hinting, said)) if code == 200 else effects.error(code, f"Refused: {said}")
            )
            with account.emulator.faults.during(effect, **at.where):
                loaded = account.load()
            trial = account.recover(account.judge(loaded, before))
            yield searched(account, loaded, trial, account.token)


def _hinting(said: str, document: Json) -> Json:
    return document | {"hint": said}


def searched(account: AccountUnderTest, loaded: Loaded, trial: Trial, *secrets: str) -> Trial:
    """Search for secrets; the trial is a leak if one is found."""
    places = everything(account.engine, account) | {"the log or the error": loaded.said.encode()}
    found = sorted(
        place
        for place, content in places.items()
        for secret in secrets
        if any(form in content for form in (*forms(secret), *forms(secret[: len(secret) // 2])))
    )
    return replace(trial, verdict=Verdict.LEAK, why=f"in {', '.join(found)}") if found else trial


def everything(engine: Engine, account: AccountUnderTest) -> dict[str, bytes]:
    """Everything stored about an account, by place."""
    found: dict[str, bytes] = {}
    with engine.connect() as connection:
        names = connection.execute(
            text("""
                select table_schema, table_name from information_schema.columns
                where table_schema in ('amocrm', 'analytics') and column_name = 'account_id'
            """)
        ).all()
        for schema, name in names:
            rows = connection.scalars(
                text(f"select t::text from {schema}.{name} as t where account_id = :id"), {"id": account.id}
            )
            found[f"{schema}.{name}"] = "\n".join(rows).encode()
        notes = connection.scalars(
            text("select t::text from amocrm.load_failure as t where account_key = :key"), {"key": account.account.key}
        )
        found["amocrm.load_failure"] = "\n".join(notes).encode()
        bodies = connection.scalars(text("select body from amocrm.raw_body where account_id = :id"), {"id": account.id})
        found["kept answers"] = b"\n".join(zlib.decompress(body) for body in bodies)
    for log in account.harness.folder.glob(f"*/{cluster.LOG_FILE}"):
        found["the server's log"] = log.read_bytes()
    return found


def password(harness: Harness) -> Iterator[Trial]:
    """Load into databases that cannot be reached."""
    right = make_url(harness.url)
    canary = "canary-of-the-password-7c1f"
    for wrong in (
        right.set(password=canary),
        right.set(password=canary, port=9),
        right.set(password=canary, host="does-not-exist.invalid"),
        right.set(password=canary, database="does_not_exist"),
    ):
        with account_under_test(harness) as account:
            before = account.contents()
            engine = account.opened(wrong.render_as_string(hide_password=False))
            loaded = account.load(engine=engine)
            yield searched(account, loaded, account.recover(account.judge(loaded, before)), canary)


def renewed(harness: Harness, *, make: Callable[[], Effect] | None) -> Iterator[Trial]:
    """Load after the access token expired."""
    with account_under_test(harness) as account:
        usual = account.account
        integration, authorization = by_oauth(account)
        first = authorization.stored_tokens
        assert first
        before = account.contents()
        if make:
            account.emulator.faults.add(make(), resource="token")
        loaded = account.load(hours=30)
        last = authorization.stored_tokens
        assert last
        account.emulator.faults.clear()
        trial = account.judge(loaded, before)
        account.account = usual
        pairs = (first.pair, last.pair)
        canaries = [one.reveal() for pair in pairs for one in (pair.access_token, pair.refresh_token)]
        yield searched(account, loaded, account.recover(trial), integration.client_secret.reveal(), *canaries)


def by_oauth(account: AccountUnderTest) -> tuple[Integration, Authorization]:
    """Switch the account to OAuth, with new access."""
    integration = new_integration(account.world)
    account.account = replace(account.account, token=integration)
    authorization = oauth_authorization(account.account, account.settings, account.clock)
    authorization.authorize(oauth.authorize(account.world, integration.client_id, account.id))
    return integration, authorization
