"""What the user has set: accounts, database, limits. Read once where a program begins, never at import."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values

from pipelines import setting_values as values
from pipelines.amocrm.host import parse_host
from pipelines.errors import SettingsError
from pipelines.secret import Secret
from pipelines.setting_values import SettingsReader

_HOST: Final = "AMOCRM_HOST"
_TOKEN: Final = "AMOCRM_TOKEN"  # noqa: S105  # a variable's name
_ATTRIBUTES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "DATABASE_URL": ("database_url", values.database_address),
    "AMOCRM_DATA_DIR": ("data_dir", values.path),
    "AMOCRM_PG_BIN": ("pg_bin", values.path),
    "AMOCRM_RAW_RETENTION_DAYS": ("raw_retention_days", values.days),
    "AMOCRM_REQUESTS_PER_SECOND": ("requests_per_second", values.request_rate),
    "AMOCRM_SCHEDULE_CRON": ("schedule_cron", values.cron),
    "AMOCRM_SCHEDULE_TIMEZONE": ("schedule_timezone", values.timezone),
    "AMOCRM_ALERT_WEBHOOK_URL": ("alert_webhook_url", values.webhook),
    "AMOCRM_DAGSTER_URL": ("dagster_url", values.pages),
}

VARIABLES: Final = (_HOST, _TOKEN, *_ATTRIBUTES)
"""Every variable that is read, those that accounts.toml names aside. ``.env.example`` explains them."""

ONLY_ACCOUNT: Final = "main"
"""Key of the account that AMOCRM_HOST and AMOCRM_TOKEN describe."""

ACCOUNT_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ACCOUNT_KEYS: Final = ("host", "token_env", "token_file")
ACCOUNT_EXAMPLE: Final = '[accounts.acme] host = "acme.amocrm.ru", token_env = "ACME_TOKEN"'


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountSettings:
    """One amoCRM account to load."""

    key: str  # its name in commands, partitions and messages; the warehouse binds it to the account's id
    base_url: str  # https://example.amocrm.ru
    token: Secret

    @property
    def host(self) -> str:
        """Host of the API, with its port where that is not the usual one."""
        return self.base_url.partition("://")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All that the user has set, with the default of what was left out."""

    accounts: tuple[AccountSettings, ...] = ()  # by key
    database_url: Secret | None = None  # None: the embedded server
    data_dir: Path  # where the embedded server and Dagster keep their data
    pg_bin: Path | None = None  # PostgreSQL's programs, in place of those installed with us
    raw_retention_days: int = 30  # for so long answers are kept as received; 0: not at all
    requests_per_second: float = 5.0  # to one host, of all accounts together
    schedule_cron: str = "0 * * * *"
    schedule_timezone: str = "UTC"
    alert_webhook_url: Secret | None = None  # told of loads that failed; None: nobody is
    dagster_url: str | None = None  # where people open Dagster's pages, without a trailing slash; alerts link there

    def account(self, key: str | None = None) -> AccountSettings:
        """The account of that key, or the only one there is. Raises ``SettingsError``."""
        if not self.accounts:
            raise SettingsError(
                "No account is set.",
                advice="Set AMOCRM_HOST (e.g. example.amocrm.ru) and AMOCRM_TOKEN in .env, or try './run demo' first.",
            )
        keys = ", ".join(account.key for account in self.accounts)
        if key is None and len(self.accounts) > 1:
            raise SettingsError(
                "Several accounts are set.", advice=f"Say which one with --account, or take --all of them: {keys}."
            )
        for account in self.accounts:
            if key in (None, account.key):
                return account
        raise SettingsError(f"There is no account '{key}'.", advice=f"The settings know: {keys}.")


def load_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Settings from ``environ``, and from ``.env`` and ``accounts.toml`` in ``root``, where relative paths start.

    What stands in the environment wins over ``.env``; an empty value is none at all. Raises one ``SettingsError`` that
    names every mistake.
    """
    from_file = _env_file(root / ".env")
    reader = SettingsReader(from_file | {name: text for name, text in environ.items() if text.strip()})
    tables = _accounts_file(root / "accounts.toml", reader)
    given = {"data_dir": root / "data"} | _given(reader, root)
    accounts = (*_only_account(reader), *_listed_accounts(tables, reader, root))
    _note_twice(accounts, reader)
    _note_unknown(from_file, tables, reader)
    reader.raise_mistakes()
    return Settings(accounts=tuple(sorted(accounts, key=lambda account: account.key)), **given)


def _given(reader: SettingsReader, root: Path) -> dict[str, Any]:
    """The attributes that variables are set for."""
    given = {attribute: reader.read(variable, parse) for variable, (attribute, parse) in _ATTRIBUTES.items()}
    return {
        attribute: root / value if isinstance(value, Path) else value
        for attribute, value in given.items()
        if value is not None
    }


def _env_file(file: Path) -> dict[str, str]:
    """The variables of ``.env``, taken as they stand: a ``$`` in a password is a ``$``."""
    try:
        found = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {_reason(error)}.", advice="It has to be a text file in UTF-8."
        ) from None
    return {name: text for name, text in found.items() if text}


def _accounts_file(file: Path, reader: SettingsReader) -> Mapping[str, Mapping[str, Any]]:
    """The tables ``[accounts.<key>]`` of accounts.toml; none where there is no such file."""
    if not file.exists():
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # not UTF-8, not TOML
        raise SettingsError(
            f"{file} cannot be read: {_reason(error)}.", advice=f"Write it like {ACCOUNT_EXAMPLE}."
        ) from None
    for key in document.keys() - {"accounts"}:
        reader.note(f"accounts.toml: '{key}' is not known; it holds only tables like {ACCOUNT_EXAMPLE}.")
    tables = document.get("accounts", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        reader.note(f"accounts.toml: an account is a table of its own, like {ACCOUNT_EXAMPLE}.")
        return {}
    return tables


def _only_account(reader: SettingsReader) -> Iterator[AccountSettings]:
    """The account that AMOCRM_HOST and AMOCRM_TOKEN describe, if they do."""
    base_url = reader.read(_HOST, parse_host)
    token = reader.read(_TOKEN, values.token)
    for name, other in ((_HOST, _TOKEN), (_TOKEN, _HOST)):
        if reader.text(name) is None and reader.text(other) is not None:
            example = "AMOCRM_HOST=example.amocrm.ru" if name == _HOST else "AMOCRM_TOKEN=eyJ0eXAiOiJKV1QiLCJhbGci..."
            reader.note(f"{name} is missing, and {other} is nothing without it. Set e.g. {example}.")
    if base_url and token:
        yield AccountSettings(key=ONLY_ACCOUNT, base_url=base_url, token=token)


def _listed_accounts(
    tables: Mapping[str, Mapping[str, Any]], reader: SettingsReader, root: Path
) -> Iterator[AccountSettings]:
    """The accounts of accounts.toml, in the order of their keys."""
    for key, table in sorted(tables.items()):
        place = f"accounts.toml, account '{key}'"
        if not ACCOUNT_KEY.fullmatch(key):
            reader.note(f"{place}: a key has up to 63 characters of a-z, 0-9, - and _. Write e.g. [accounts.acme].")
        for unknown in table.keys() - set(ACCOUNT_KEYS):
            reader.note(f"{place}: '{unknown}' is not known. Write {', '.join(ACCOUNT_KEYS)}: {ACCOUNT_EXAMPLE}.")
        with reader.noting(place):
            strings = {name: table[name] for name in ACCOUNT_KEYS if name in table}
            if (
                "host" not in strings
                or len(strings) != 2
                or not all(isinstance(text, str) for text in strings.values())
            ):
                raise SettingsError(
                    "it needs a host and one of token_env and token_file, all in quotes.",
                    advice=f"Write it like {ACCOUNT_EXAMPLE}.",
                )
            yield AccountSettings(
                key=key, base_url=parse_host(strings["host"]), token=_listed_token(strings, reader, root)
            )


def _listed_token(table: Mapping[str, str], reader: SettingsReader, root: Path) -> Secret:
    if "token_file" in table:
        file = root / values.path(table["token_file"])
        try:
            return values.token(file.read_text(encoding="utf-8-sig").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"its token_file {file} cannot be read: {_reason(error)}.", advice="Put the token alone in it."
            ) from None
    name = table["token_env"]
    text = reader.text(name)
    if text is None:
        raise SettingsError(
            f"the variable {name} that its token_env names is not set.", advice=f"Add a line {name}=... to .env."
        )
    return values.token(text)


def _note_twice(accounts: tuple[AccountSettings, ...], reader: SettingsReader) -> None:
    """Two keys for one account would bind it to whichever is loaded first."""
    for first, second in combinations(accounts, 2):
        if first.key == second.key or first.base_url == second.base_url:
            both = " and ".join(f"'{account.key}' ({account.host})" for account in (first, second))
            reader.note(f"the accounts {both} have the same key or host. Remove one of them.")


def _note_unknown(
    from_file: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]], reader: SettingsReader
) -> None:
    """A misspelt name in ``.env`` would silently be a default. The environment may hold what is not meant for us."""
    known = {*VARIABLES, *(table.get("token_env") for table in tables.values())}
    for name in from_file:
        if name.startswith("AMOCRM_") and name not in known:
            meant = get_close_matches(name, VARIABLES, n=1) or VARIABLES[:1]
            reader.note(f"{name} in .env is not known. Did you mean {meant[0]}? .env.example explains every variable.")


def _reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without repeating what is in it."""
    if isinstance(error, OSError):
        return error.strerror or "unknown reason"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"it is not TOML ({error})"
