"""Settings of accounts: a table each or variables, tokens or OAuth, and errors of one account alone."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.integration import Integration
from pipelines.config.settings import (
    AccountSettings,
    Settings,
    load_settings,
)
from tests.unit.config.conftest import BY_OAUTH, ONE, Write, problems


def test_several_accounts(tmp_path: Path, write: Write) -> None:
    (tmp_path / "secrets").mkdir()
    write("secrets/zenith", "zenith-token\n")
    write(".env", "ACME_TOKEN=acme-token\n")
    write(
        "accounts.toml",
        '[accounts.zenith]\nhost = "zenith.kommo.com"\ntoken_file = "secrets/zenith"\n'
        '[accounts.acme]\nhost = "acme.amocrm.ru"\ntoken_env = "ACME_TOKEN"\n',
    )
    read = load_settings({}, tmp_path)
    assert read.accounts == (
        AccountSettings(key="acme", base_url="https://acme.amocrm.ru", token=Secret("acme-token")),
        AccountSettings(key="zenith", base_url="https://zenith.kommo.com", token=Secret("zenith-token")),
    )
    assert read.account("zenith").host == "zenith.kommo.com"


def test_which_account_is_meant(tmp_path: Path) -> None:
    none = Settings(data_dir=tmp_path)
    one = load_settings(ONE, tmp_path)
    two = Settings(
        data_dir=tmp_path,
        accounts=tuple(
            AccountSettings(key=key, base_url=f"https://{key}.amocrm.ru", token=Secret("t"))
            for key in ("acme", "zenith")
        ),
    )
    assert one.account() == one.account("main") == one.accounts[0]
    assert two.account("zenith").key == "zenith"
    for read, key, message in (
        (none, None, "AMOCRM_HOST"),
        (none, "main", "AMOCRM_HOST"),
        (one, "other", "no account 'other'.*settings: main"),
        (two, None, "--account: acme, zenith"),
        (two, "other", "settings: acme, zenith"),
    ):
        with pytest.raises(SettingsError, match=message):
            read.account(key)


@pytest.mark.parametrize("missing", ["AMOCRM_HOST", "AMOCRM_TOKEN"])
def test_host_and_token_belong_together(tmp_path: Path, missing: str) -> None:
    environ = {name: text for name, text in ONE.items() if name != missing}
    [other] = {"AMOCRM_HOST", "AMOCRM_TOKEN"} - {missing}
    assert f"{missing} is missing, and {other} needs it." in problems(environ, tmp_path)
    both = problems(environ | {"AMOCRM_SIZE_ALERTS": "10%"}, tmp_path)
    assert f"{missing} is missing, and {other} and AMOCRM_SIZE_ALERTS need it." in both


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('host = "a.amocrm.ru"', "needs a host and one of token_env and token_file"),
        ('token_env = "A"', "needs a host and one of"),
        ('host = "a.amocrm.ru"\ntoken_env = "A"\ntoken_file = "b"', "needs a host and one of"),
        ('host = "a.amocrm.ru"\ntoken_env = 1', "needs a host and one of"),
        ('host = "a.amocrm.ru"\ntoken_env = "A"\nclient_id = "b"', "client_secret_env and client_secret_file"),
        ('host = "a.amocrm.ru"\nclient_id = "b"\nclient_secret_env = "A"', "client_id, redirect_uri and one"),
        (
            'host = "a.amocrm.ru"\nclient_id = "b"\nredirect_uri = "https://x.com"\nclient_secret_env = "UNSET"',
            "the variable UNSET, which its client_secret_env names, is not set",
        ),
        ('host = "a.amocrm.ru"\ntoken = "canary"', "'token' is unknown.*token_env, token_file"),
        ('host = "a.amocrm.ru"\ntoken_env = "UNSET"', "the variable UNSET, which its token_env names, is not set"),
        ('host = "a.amocrm.ru"\ntoken_file = "nowhere"', "nowhere cannot be read: No such file"),
        ('host = "a.amocrm.ru"\ntoken_env = "EMPTY"', "the variable EMPTY, which its token_env names, is not set"),
        ('host = "a.amocrm.ru"\ntoken_env = "SPACED"', "no spaces"),
        ('host = "a.example.com"\ntoken_env = "A"', "The host 'a.example.com' is not an amoCRM account"),
        ('host = "a.amocrm.ru"\ntoken_env = "A"\nalerts = [{ percent = "x" }]', "alert 1: "),
    ],
)
def test_a_mistake_in_one_account_s_table_is_that_account_s_alone(
    tmp_path: Path, write: Write, table: str, says: str
) -> None:
    write("accounts.toml", f'[accounts.acme]\n{table}\n[accounts.well]\nhost = "w.kommo.com"\ntoken_env = "A"\n')
    read = load_settings({"SPACED": "canary token", "A": "t", "EMPTY": " "}, tmp_path)
    assert [account.key for account in read.accounts] == ["well"]
    with pytest.raises(SettingsError) as caught:
        read.account("acme")
    assert re.search(f"^account 'acme': .*accounts.toml.*{says}.* run './run doctor'", str(caught.value), re.DOTALL)
    assert "canary" not in str(caught.value)


def test_all_errors_of_an_account_are_reported_at_once(tmp_path: Path, write: Write) -> None:
    write("accounts.toml", '[accounts.acme]\nhost = "a.amocrm.ru"\ntoken = "a"\nlogin = "b"\n')
    said = load_settings({}, tmp_path).unusable[0].problems
    assert said.startswith("3 settings cannot be used:\n  - accounts.toml: 'login' is unknown. ")
    assert "\n  - accounts.toml: 'token' is unknown. " in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[accounts", "accounts.toml cannot be read: it is not TOML"),
        ("[account.acme]\n", "'account' is unknown"),
        ('accounts = "acme"', "an account is a table like"),
        ('[accounts]\nacme = "a.amocrm.ru"', "an account is a table like"),
        ('[accounts."A b"]\nhost = "a.amocrm.ru"\ntoken_env = "A"', r"account 'A b': a key has up to 63"),
        (
            '[accounts.a]\nhost = "x.amocrm.ru"\ntoken_env = "A"\n[accounts.b]\nhost = "X.amocrm.ru"\ntoken_env = "A"',
            r"'a' \(x.amocrm.ru\) and 'b' \(x.amocrm.ru\) have the same key or host",
        ),
        (
            '[accounts.main]\nhost = "x.amocrm.ru"\ntoken_env = "UNSET"',
            r"'main' \(example.amocrm.ru\) and 'main' have the same key or host",
        ),
    ],
)
def test_mistakes_around_accounts(tmp_path: Path, write: Write, text: str, says: str) -> None:
    write("accounts.toml", text)
    assert re.search(says, problems(ONE | {"A": "t"}, tmp_path))


def test_the_variables_account_is_beside_those_of_the_file(tmp_path: Path, write: Write) -> None:
    write("accounts.toml", '[accounts.main]\nhost = "a.amocrm.ru"\ntoken_env = "AMOCRM_TOKEN"\n')
    assert "have the same key or host" in problems(ONE, tmp_path)
    write("accounts.toml", '[accounts.acme]\nhost = "a.amocrm.ru"\ntoken_env = "AMOCRM_TOKEN"\n')
    assert [account.key for account in load_settings(ONE, tmp_path).accounts] == ["acme", "main"]


def test_an_account_by_oauth(tmp_path: Path) -> None:
    read = load_settings(BY_OAUTH, tmp_path)
    integration = Integration(
        client_id="0a1b-2c3d", client_secret=Secret("canary-secret"), redirect_uri="http://127.0.0.1:8912/"
    )
    assert read.accounts == (AccountSettings(key="main", base_url="https://example.amocrm.ru", token=integration),)
    assert "canary" not in f"{read} {read!r}"
    assert read.token_file("main") == tmp_path / "data/tokens/main.json"
    assert pickle.loads(pickle.dumps(read)) == read  # noqa: S301  # Dagster's processes hand settings on


def test_accounts_by_oauth_in_the_file(tmp_path: Path, write: Write) -> None:
    write("orbit", "orbit-secret\n")
    common = 'client_id = "{0}-id"\nredirect_uri = "https://example.com/back"\nhost = "{0}.amocrm.ru"\n'
    write(
        "accounts.toml",
        f'[accounts.nadir]\n{common.format("nadir")}client_secret_env = "AMOCRM_NADIR"\n'
        f'[accounts.orbit]\n{common.format("orbit")}client_secret_file = "orbit"\n',
    )
    write(".env", "AMOCRM_NADIR=nadir-secret\n")
    assert [account.token for account in load_settings({}, tmp_path).accounts] == [
        Integration(
            client_id=f"{key}-id", client_secret=Secret(f"{key}-secret"), redirect_uri="https://example.com/back"
        )
        for key in ("nadir", "orbit")
    ]


@pytest.mark.parametrize("missing", BY_OAUTH)
def test_what_oauth_needs_belongs_together(tmp_path: Path, missing: str) -> None:
    said = problems({name: text for name, text in BY_OAUTH.items() if name != missing}, tmp_path)
    assert f"{missing} is missing" in said
    assert "canary" not in said


def test_there_are_two_ways_to_an_account_and_one_is_to_be_chosen(tmp_path: Path) -> None:
    said = problems(BY_OAUTH | ONE, tmp_path)
    assert "AMOCRM_TOKEN and AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET, AMOCRM_REDIRECT_URI are alternatives" in said


@pytest.mark.parametrize(
    ("variable", "wrong", "says"),
    [
        ("AMOCRM_CLIENT_ID", "two words", "not an integration ID"),
        ("AMOCRM_CLIENT_SECRET", "canary secret", "a secret key has only ASCII"),
        ("AMOCRM_REDIRECT_URI", "http://example.com/back", "'http://example.com/back' is not a URL"),
        ("AMOCRM_REDIRECT_URI", "http://127.0.0.1/", "is not a URL"),
        ("AMOCRM_REDIRECT_URI", "http://127.0.0.1:port/", "is not a URL"),
        ("AMOCRM_REDIRECT_URI", "https://[x", "is not a URL"),
        ("AMOCRM_REDIRECT_URI", "https://example.com/#part", "is not a URL"),
        ("AMOCRM_REDIRECT_URI", "https://user@example.com/", "is not a URL"),
        ("AMOCRM_REDIRECT_URI", "example.com", "is not a URL.*https://example.com/back"),
    ],
)
def test_mistakes_about_oauth(tmp_path: Path, variable: str, wrong: str, says: str) -> None:
    said = problems(BY_OAUTH | {variable: wrong}, tmp_path)
    assert re.search(f"{variable}: .*{says}", said)
    assert "canary" not in said
