"""Accounts in the settings: one from variables, any number from accounts.toml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from pipelines.base.bounded_file import read_text
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config import parsing as values
from pipelines.config.alert_rules import EXAMPLE as ALERT_EXAMPLE
from pipelines.config.alert_rules import SizeRule, parse_rule_table, parse_rules
from pipelines.config.change_kinds import parse_change_kinds
from pipelines.config.host import is_local, parse_host
from pipelines.config.integration import Integration
from pipelines.config.parsing import SettingsReader
from pipelines.config.scan_window import ScanWindow, parse_scan_window

HOST: Final = "AMOCRM_HOST"
TOKEN: Final = "AMOCRM_TOKEN"  # noqa: S105  # a variable's name
CLIENT_ID: Final = "AMOCRM_CLIENT_ID"
CLIENT_SECRET: Final = "AMOCRM_CLIENT_SECRET"  # noqa: S105  # as above
REDIRECT_URI: Final = "AMOCRM_REDIRECT_URI"
INTEGRATION_VARIABLES: Final = (CLIENT_ID, CLIENT_SECRET, REDIRECT_URI)
ALERTS: Final = "AMOCRM_SIZE_ALERTS"
CUSTOMERS: Final = "AMOCRM_CUSTOMERS"

ACCOUNT_VARIABLES: Final = (HOST, TOKEN, *INTEGRATION_VARIABLES, ALERTS, CUSTOMERS)
"""Variables that describe one account."""

DEFAULT_ACCOUNT_KEY: Final = "main"
"""Key of the account that the variables describe."""

ACCOUNT_KEY_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
CONNECTION_KEYS: Final = (
    "host",
    "token_env",
    "token_file",
    "client_id",
    "client_secret_env",
    "client_secret_file",
    "redirect_uri",
)
ACCOUNT_KEYS: Final = (*CONNECTION_KEYS, "customers", "alerts", "change_alerts", "language")
ACCOUNT_EXAMPLE: Final = '[accounts.acme] host = "acme.amocrm.ru", token_env = "ACME_TOKEN"'

_INTEGRATION_KEYS: Final = {"host", "client_id", "redirect_uri"}
_VALID_KEY_SETS: Final = (
    {"host", "token_env"},
    {"host", "token_file"},
    _INTEGRATION_KEYS | {"client_secret_env"},
    _INTEGRATION_KEYS | {"client_secret_file"},
)
"""Valid combinations of keys that describe an account's connection."""

_EXAMPLES: Final[Mapping[str, str]] = {
    HOST: "AMOCRM_HOST=example.amocrm.ru",
    TOKEN: "AMOCRM_TOKEN=eyJ0eXAiOiJKV1QiLCJhbGci...",
    CLIENT_ID: "AMOCRM_CLIENT_ID=0a1b2c3d-...",
    CLIENT_SECRET: "AMOCRM_CLIENT_SECRET=q7Zk3vR9...",
    REDIRECT_URI: "AMOCRM_REDIRECT_URI=https://example.com/back",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountSettings:
    """One amoCRM account to load."""

    key: str  # name in commands, partitions and messages; the warehouse binds it to the account's id
    base_url: str  # https://example.amocrm.ru
    token: Secret | Integration  # long-lived token, or OAuth client
    alerts: tuple[SizeRule, ...] = ()  # size alerts
    change_alerts: frozenset[str] | None = None  # kinds of changes to alert on; None: those of all accounts
    language: str | None = None  # of its report and alerts; None: that of all
    customers: ScanWindow | None = None  # daily hours for scans of customers; None: customers are never read

    @property
    def host(self) -> str:
        """Host of the API, with its port if it is not the default."""
        return self.base_url.partition("://")[2]

    def __str__(self) -> str:
        return f"'{self.key}' ({self.host})"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnusableAccount:
    """Account of accounts.toml with invalid settings. Other accounts are not affected."""

    key: str
    problems: str  # all problems, each with advice

    @property
    def error(self) -> SettingsError:
        """Error that its load raises."""
        return SettingsError(self.problems, account=self.key)

    def __str__(self) -> str:
        return f"'{self.key}'"


AnyAccount: TypeAlias = AccountSettings | UnusableAccount


def account_from_variables(reader: SettingsReader) -> Iterator[AccountSettings]:
    """Yield the account that variables describe, if they do: a host, and a token or an integration."""
    base_url = reader.read(HOST, parse_host)
    token = reader.read(TOKEN, values.parse_token)
    client_id = reader.read(CLIENT_ID, values.parse_client_id)
    client_secret = reader.read(CLIENT_SECRET, values.parse_client_secret)
    redirect_uri = reader.read(REDIRECT_URI, values.parse_redirect_uri)
    alerts = reader.read(ALERTS, parse_rules) or ()
    customers = reader.read(CUSTOMERS, parse_scan_window)
    present = {name for name in ACCOUNT_VARIABLES if reader.text(name) is not None}
    for name, example in ((ALERTS, ALERT_EXAMPLE), (CUSTOMERS, 'customers = "daily"')):
        if name in present and present <= {ALERTS, CUSTOMERS}:
            reader.add_problem(
                f"{name} is for the account of {HOST}. For those of accounts.toml write {example} there."
            )
    if present <= {ALERTS, CUSTOMERS}:
        return
    if TOKEN in present and present & set(INTEGRATION_VARIABLES):
        reader.add_problem(f"{TOKEN} and {', '.join(INTEGRATION_VARIABLES)} are alternatives. Set one of them.")
        return
    required = (HOST, *INTEGRATION_VARIABLES) if present & set(INTEGRATION_VARIABLES) else (HOST, TOKEN)
    for name in required:
        if present and name not in present:
            others = [other for other in (*required, ALERTS, CUSTOMERS) if other in present]
            consequence = f"{' and '.join(others)} {'needs' if len(others) == 1 else 'need'} it"
            reader.add_problem(f"{name} is missing, and {consequence}. Set e.g. {_EXAMPLES[name]}.")
    if base_url and token:
        yield AccountSettings(
            key=DEFAULT_ACCOUNT_KEY, base_url=base_url, token=token, alerts=alerts, customers=customers
        )
    if base_url and client_id and client_secret and redirect_uri:
        integration = Integration(client_id=client_id, client_secret=client_secret, redirect_uri=redirect_uri)
        yield AccountSettings(
            key=DEFAULT_ACCOUNT_KEY, base_url=base_url, token=integration, alerts=alerts, customers=customers
        )


def accounts_from_file(
    tables: Mapping[str, Mapping[str, Any]], reader: SettingsReader, root: Path
) -> Iterator[AnyAccount]:
    """Yield the accounts of accounts.toml, sorted by key.

    An error in one makes only that one unusable.
    """
    for key, table in sorted(tables.items()):
        if not ACCOUNT_KEY_PATTERN.fullmatch(key):
            reader.add_problem(
                f"accounts.toml, account '{key}': a key has up to 63 characters of a-z, 0-9, - and _. "
                "Write e.g. [accounts.acme]."
            )
            continue
        account_reader = reader.with_own_problems()
        with account_reader.collect_problems("accounts.toml"):
            account = _parse_account(key, table, account_reader, root)
        yield UnusableAccount(key=key, problems=account_reader.problems) if account_reader.problems else account


def referenced_variables(tables: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the variables that accounts.toml names."""
    named = (table.get(key) for table in tables.values() for key in ("token_env", "client_secret_env"))
    return {name for name in named if isinstance(name, str)}


def report_duplicates(accounts: Iterable[AnyAccount], reader: SettingsReader) -> None:
    """Report accounts with the same key or host, which would share one history.

    Emulators are exempt.
    """
    by_name: dict[str, AnyAccount] = {}
    for account in accounts:
        names = {account.key}
        if isinstance(account, AccountSettings) and not is_local(account.base_url):
            names.add(account.base_url)
        for first in {by_name[name].key: by_name[name] for name in names if name in by_name}.values():
            reader.add_problem(f"the accounts {first} and {account} have the same key or host. Remove one of them.")
        by_name |= dict.fromkeys(names, account)


def _parse_account(key: str, table: Mapping[str, Any], reader: SettingsReader, root: Path) -> AccountSettings:
    """Parse one table. Raises the error that leaves no account, and reports the others."""
    for unknown in sorted(table.keys() - set(ACCOUNT_KEYS)):
        reader.add_problem(
            f"accounts.toml: '{unknown}' is unknown. Write {', '.join(ACCOUNT_KEYS)}: {ACCOUNT_EXAMPLE}."
        )
    alerts = tuple(_parse_alert_tables(table.get("alerts", []), reader))
    change_alerts = None
    with reader.collect_problems("accounts.toml, change_alerts"):
        change_alerts = parse_change_kinds(table["change_alerts"]) if "change_alerts" in table else None
    language = None
    with reader.collect_problems("accounts.toml, language"):
        language = values.parse_language(table["language"]) if "language" in table else None
    customers = _parse_customers(table.get("customers"), reader)
    connection = {name: table[name] for name in CONNECTION_KEYS if name in table}
    if connection.keys() not in _VALID_KEY_SETS or not all(isinstance(text, str) for text in connection.values()):
        raise SettingsError(
            "it needs a host and one of token_env and token_file, or a host, client_id, redirect_uri and one "
            "of client_secret_env and client_secret_file, all in quotes.",
            advice=f"Write it like {ACCOUNT_EXAMPLE}.",
        )
    return AccountSettings(
        key=key,
        base_url=parse_host(connection["host"]),
        token=_parse_token(connection, reader, root),
        alerts=alerts,
        change_alerts=change_alerts,
        language=language,
        customers=customers,
    )


def _parse_customers(text: object, reader: SettingsReader) -> ScanWindow | None:
    """Parse the hours for scans of customers."""
    window = None
    if text is not None:
        with reader.collect_problems("accounts.toml: customers"):
            window = parse_scan_window(str(text))
    return window


def _parse_alert_tables(tables: object, reader: SettingsReader) -> Iterator[SizeRule]:
    """Parse the rules of ``[[accounts.<key>.alerts]]``."""
    if not isinstance(tables, list):
        reader.add_problem(f"accounts.toml: each alert is a table. Write e.g. {ALERT_EXAMPLE}.")
        return
    for number, table in enumerate(tables, start=1):
        with reader.collect_problems(f"accounts.toml, alert {number}"):
            yield parse_rule_table(table)


def _parse_token(table: Mapping[str, str], reader: SettingsReader, root: Path) -> Secret | Integration:
    """Parse a long-lived token or an OAuth integration."""
    if "client_id" not in table:
        return values.parse_token(_read_secret("token", table, reader, root))
    return Integration(
        client_id=values.parse_client_id(table["client_id"]),
        client_secret=values.parse_client_secret(_read_secret("client_secret", table, reader, root)),
        redirect_uri=values.parse_redirect_uri(table["redirect_uri"]),
    )


def _read_secret(name: str, table: Mapping[str, str], reader: SettingsReader, root: Path) -> str:
    """Read a secret from the file or the variable that the table names."""
    if f"{name}_file" in table:
        file = root / values.parse_path(table[f"{name}_file"])
        try:
            return read_text(file).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"its {name}_file {file} cannot be read: {values.describe_read_error(error)}.",
                advice="The file must hold the secret alone.",
            ) from None
    variable = table[f"{name}_env"]
    text = reader.text(variable)
    if text is None:
        raise SettingsError(
            f"the variable {variable}, which its {name}_env names, is not set.",
            advice=f"Add a line {variable}=... to .env.",
        )
    return text
