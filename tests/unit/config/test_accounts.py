"""Errors in one account's table affect that account only."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.config.accounts import ACCOUNT_KEYS
from pipelines.config.alert_rules import RULE_KEYS as ALERT_KEYS
from pipelines.config.settings import load_settings

HOST: Final = {"host": "a.amocrm.ru"}
OF_INTEGRATION: Final = HOST | {"client_id": "c", "redirect_uri": "https://x.com/"}
TABLES: Final = (
    HOST | {"token_env": "SECRET"},
    HOST | {"token_file": "token"},
    OF_INTEGRATION | {"client_secret_env": "SECRET"},
    OF_INTEGRATION | {"client_secret_file": "token"},
)
"""The ways to describe an account."""

WELL: Final = '[accounts.well]\nhost = "w.kommo.com"\ntoken_env = "SECRET"\n'
SECRET: Final = {"SECRET": "t"}

STRANGE: Final = ("", "\0", "a\0b", "~nobody/x", "/", ".", "http://[x", "[::1", "a.amocrm.ru:99999999", "x" * 5_000)
TEXTS: Final = st.sampled_from(STRANGE) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"))
VALUES: Final = st.recursive(
    TEXTS | st.integers(-(10**30), 10**30) | st.floats() | st.booleans() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(ALERT_KEYS), inner, max_size=3),
    max_leaves=4,
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case dict():
            return f"{{{', '.join(f'{toml(name)} = {toml(one)}' for name, one in value.items())}}}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case float() | date():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def write(root: Path, table: dict[str, Any]) -> None:
    """Write accounts.toml: an account that is well, and one with this table."""
    lines = [f"{name} = {toml(value)}" for name, value in table.items()]
    (root / "accounts.toml").write_text("\n".join([WELL, "[accounts.acme]", *lines, ""]), encoding="utf-8")
    (root / "token").write_text("t")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.sampled_from(TABLES), key=st.sampled_from(ACCOUNT_KEYS), value=VALUES)
def test_a_wrong_value_is_its_account_s_mistake(tmp_path: Path, table: dict[str, Any], key: str, value: object) -> None:
    write(tmp_path, table | {key: value})
    read = load_settings(SECRET, tmp_path)
    assert "well" in [account.key for account in read.accounts]
    assert [account.key for account in read.all_accounts] == ["acme", "well"]


@pytest.mark.parametrize("value", [["SECRET"], {}, [{}]])
@pytest.mark.parametrize(("table", "key"), [(TABLES[0], "token_env"), (TABLES[2], "client_secret_env")])
def test_a_variable_that_is_no_name_is_its_account_s_mistake(
    tmp_path: Path, table: dict[str, Any], key: str, value: object
) -> None:
    write(tmp_path, table | {key: value})
    [acme] = load_settings(SECRET, tmp_path).unusable
    assert "it needs a host and one of" in acme.problems


@pytest.mark.parametrize(("table", "key"), [(TABLES[1], "token_file"), (TABLES[3], "client_secret_file")])
def test_a_path_with_a_nul_character_is_its_account_s_mistake(tmp_path: Path, table: dict[str, Any], key: str) -> None:
    write(tmp_path, table | {key: "a\0b"})
    [acme] = load_settings(SECRET, tmp_path).unusable
    assert acme.problems == "accounts.toml: a path cannot contain a NUL character. Write the path without '\\u0000'."
