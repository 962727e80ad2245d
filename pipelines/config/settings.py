"""Settings of this program: accounts, database, limits. Read at startup, never at import."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, Final

from dotenv.parser import parse_stream

from pipelines.base.bounded_file import read_text
from pipelines.base.errors import SettingsError
from pipelines.base.language import lazy_gettext
from pipelines.base.secret import Secret
from pipelines.base.text import join_names
from pipelines.config import parsing as values
from pipelines.config.accounts import (
    ACCOUNT_EXAMPLE,
    ACCOUNT_KEYS,
    ACCOUNT_VARIABLES,
    CLIENT_SECRET,
    TOKEN,
    AccountSettings,
    AnyAccount,
    UnusableAccount,
    account_from_variables,
    accounts_from_file,
    referenced_variables,
    report_duplicates,
)
from pipelines.config.change_kinds import DEFAULT_CHANGE_KINDS, parse_change_kinds
from pipelines.config.parsing import SettingsReader
from pipelines.config.receivers import Receiver, build_receivers, parse_service_urls

__all__ = [
    "ACCOUNT_KEYS",
    "VARIABLES",
    "AccountSettings",
    "AnyAccount",
    "Settings",
    "UnusableAccount",
    "load_settings",
]

_ATTRIBUTE_PARSERS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "DATABASE_URL": ("database_url", values.parse_database_address),
    "AMOCRM_DATA_DIR": ("data_dir", values.parse_path),
    "AMOCRM_TOKEN_DIR": ("token_dir", values.parse_path),
    "AMOCRM_REPORT_DIR": ("report_dir", values.parse_path),
    "AMOCRM_PG_BIN": ("pg_bin", values.parse_path),
    "AMOCRM_RAW_RETENTION_DAYS": ("raw_retention_days", values.parse_days),
    "AMOCRM_STAY_RETENTION_DAYS": ("stay_retention_days", values.parse_days),
    "AMOCRM_REQUESTS_PER_SECOND": ("requests_per_second", values.parse_request_rate),
    "AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS": ("requests_per_second_per_address", values.parse_address_rate),
    "AMOCRM_THREADS": ("threads", values.parse_threads),
    "AMOCRM_WORKERS": ("workers", values.parse_workers),
    "AMOCRM_FLEET_BUCKETS": ("fleet_buckets", values.parse_buckets),
    "AMOCRM_SCHEDULE_CRON": ("schedule_cron", values.parse_cron),
    "AMOCRM_SCHEDULE_TIMEZONE": ("schedule_timezone", values.parse_timezone),
    "AMOCRM_ALERT_WEBHOOK_URL": ("alert_webhook_url", values.parse_webhook_url),
    "AMOCRM_ALERT_URLS": ("alert_urls", parse_service_urls),
    "AMOCRM_CHANGE_ALERTS": ("change_alerts", parse_change_kinds),
    "AMOCRM_DAGSTER_URL": ("dagster_url", values.parse_page_url),
    "AMOCRM_DAGSTER_HOSTS": ("dagster_hosts", values.host_names),
    "AMOCRM_DAGSTER_SECRET": ("dagster_secret", values.long_secret),
    "AMOCRM_WRITE_BACK_FROM_DAGSTER": ("write_back_from_dagster", values.switch),
    "AMOCRM_WRITE_BACK_DIR": ("write_back_dir", values.parse_path),
    "AMOCRM_DAGSTER_RUN_DAYS": ("dagster_run_days", values.parse_days),
    "AMOCRM_LANGUAGE": ("language", values.parse_language),
}

LOCATION_VARIABLES: Final = ("DATABASE_URL", "AMOCRM_DATA_DIR", "AMOCRM_PG_BIN")
"""Variables that locate the database."""

WEB: Final = ("AMOCRM_DAGSTER_URL", "AMOCRM_DAGSTER_HOSTS", "AMOCRM_DAGSTER_SECRET")
"""Variables that Dagster's web server reads. It gets no token and no database of ours."""

VARIABLES: Final = (*ACCOUNT_VARIABLES, *_ATTRIBUTE_PARSERS)
"""All variables, except those that accounts.toml names. ``.env.example`` explains them."""


RECEIVERS: Final = ("AMOCRM_ALERT_WEBHOOK_URL", "AMOCRM_ALERT_URLS")
"""Variables that name the receivers of alerts."""

SECRET_VARIABLES: Final = (TOKEN, CLIENT_SECRET, "DATABASE_URL", *RECEIVERS, "AMOCRM_DAGSTER_SECRET")
"""Variables that hold a secret."""

MAX_DOTS_IN_A_LINE: Final = 1_000
"""Limit in accounts.toml.

Python's parsing time of a dotted key grows with the square of its parts.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings, with defaults."""

    accounts: tuple[AccountSettings, ...] = ()  # usable ones, sorted by key
    unusable: tuple[UnusableAccount, ...] = ()  # those with invalid settings, sorted by key
    database_url: Secret | None = None  # None: the embedded server
    data_dir: Path  # data of the embedded server and Dagster
    token_dir: Path | None = None  # tokens of OAuth; None: ``data_dir``/tokens
    report_dir: Path | None = None  # reports; None: ``data_dir``/reports
    pg_bin: Path | None = None  # PostgreSQL's programs; None: those installed with this package
    raw_retention_days: int = 30  # retention of raw responses; 0: none
    stay_retention_days: int | None = None  # retention of ended stays of customers; None: forever
    requests_per_second: float | None = None  # to one host; None: default of ``load.rate_limits``
    requests_per_second_per_address: float | None = None  # to all hosts; infinite: no limit
    threads: int = 8  # accounts that are loaded in parallel
    workers: int = 2  # processes that load a fleet, at most one per core
    fleet_buckets: int = 8  # Dagster runs per fleet load, if there are more accounts than buckets
    schedule_cron: str = "0 * * * *"
    schedule_timezone: str = "UTC"
    alert_webhook_url: Secret | None = None  # receives alerts as JSON
    alert_urls: tuple[Secret, ...] = ()  # services that receive alerts as text
    change_alerts: frozenset[str] = DEFAULT_CHANGE_KINDS  # kinds of changes to alert on; empty: none
    dagster_url: str | None = None  # Dagster's UI, without a trailing slash, for links in alerts
    dagster_hosts: tuple[str, ...] = ()  # more host names of Dagster's UI
    dagster_secret: Secret | None = None  # for scripts and proxies of Dagster's UI; None: random at each start
    write_back_from_dagster: bool = False  # allow the job manage_account to apply plans
    write_back_dir: Path | None = None  # folder of files that the job may read; None: no files
    dagster_run_days: int = 90  # retention of Dagster's runs, except for the latest of each asset
    language: str | None = None  # of texts for people; None: of an account its country's, of a terminal its own

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Receivers of alerts; empty: no alerts are sent."""
        return build_receivers(self.alert_webhook_url, self.alert_urls)

    def change_kinds(self, account: AccountSettings) -> frozenset[str]:
        """Return the kinds of changes of an account to alert on."""
        return self.change_alerts if account.change_alerts is None else account.change_alerts

    def token_file(self, key: str) -> Path:
        """Return the file of an account's OAuth tokens."""
        return (self.token_dir or self.data_dir / "tokens") / f"{key}.json"

    def report_file(self, key: str) -> Path:
        """Return the file of an account's report."""
        return (self.report_dir or self.data_dir / "reports") / f"{key}.html"

    def account_language(self, key: str | None) -> str | None:
        """Return the language that is set for an account's texts; None: that of its country."""
        return next((account.language for account in self.accounts if account.key == key), None) or self.language

    @property
    def all_accounts(self) -> tuple[AnyAccount, ...]:
        """Usable and unusable accounts, sorted by key."""
        return tuple(sorted((*self.accounts, *self.unusable), key=lambda account: account.key))

    def has_key(self, key: str) -> bool:
        """Return True if there is an account of that key, usable or not."""
        return key in {account.key for account in self.all_accounts}

    def account(self, key: str | None = None) -> AccountSettings:
        """Return the account of that key, or the only one.

        Raises ``SettingsError``, also if it is unusable.
        """
        account = self.any_account(key)
        if isinstance(account, UnusableAccount):
            raise account.error
        return account

    def any_account(self, key: str | None = None) -> AnyAccount:
        """Return the account of that key, or the only one, usable or not.

        Raises ``SettingsError`` if there is none or the choice is ambiguous.
        """
        accounts = self.all_accounts
        if not accounts:
            raise SettingsError(
                lazy_gettext("No account is set."),
                advice=lazy_gettext(
                    "Set AMOCRM_HOST (e.g. example.amocrm.ru) and AMOCRM_TOKEN in .env, or try './run demo' first."
                ),
            )
        keys = join_names([account.key for account in accounts])
        if key is None and len(accounts) > 1:
            raise SettingsError("Several accounts are set.", advice=f"Choose one with --account: {keys}.")
        for account in accounts:
            if key in (None, account.key):
                return account
        raise SettingsError(f"There is no account '{key}'.", advice=f"Accounts in the settings: {keys}.")


def load_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Load settings from ``environ``, and from ``.env`` and ``accounts.toml`` in ``root``.

    Relative paths start at ``root``. The environment overrides ``.env``; an empty value counts as
    missing. An error in one account's table makes that account unusable. All other errors are
    raised together as one ``SettingsError``.
    """
    file_variables, invalid_lines = _read_env_file(root / ".env")
    reader = SettingsReader(file_variables | _without_empty(environ))
    for line in invalid_lines:
        reader.add_problem(f".env, line {line}: this is not a setting or a comment. Write NAME=value.")
    tables = _read_accounts_file(root / "accounts.toml", reader)
    attributes = {"data_dir": root / "data"} | _parse_attributes(reader, root)
    accounts = (*account_from_variables(reader), *accounts_from_file(tables, reader, root))
    report_duplicates(accounts, reader)
    _report_unknown_variables(file_variables, tables, reader)
    reader.raise_problems()
    return Settings(
        accounts=tuple(
            sorted((entry for entry in accounts if isinstance(entry, AccountSettings)), key=lambda account: account.key)
        ),
        unusable=tuple(entry for entry in accounts if isinstance(entry, UnusableAccount)),
        **attributes,
    )


def load_location_settings(environ: Mapping[str, str], root: Path) -> Settings | None:
    """Load only the data folder and the database, even if other settings are invalid; None if unsure.

    Never leads to an embedded server that does not exist yet: its place may be a mistake.
    """
    try:
        file_variables, invalid_lines = _read_env_file(root / ".env")
    except SettingsError:
        return None
    reader = SettingsReader(file_variables | _without_empty(environ))
    settings = Settings(**{"data_dir": root / "data"} | _parse_attributes(reader, root, LOCATION_VARIABLES))
    has_location = settings.database_url is not None or (settings.data_dir / "postgres").exists()
    return settings if has_location and not invalid_lines and not reader.problems else None


def web_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Load the settings of Dagster's web server only. Raises ``SettingsError``."""
    file_variables, _ = _read_env_file(root / ".env")
    reader = SettingsReader(file_variables | _without_empty(environ))
    attributes = _parse_attributes(reader, root, WEB)
    reader.raise_problems()
    return Settings(data_dir=root / "data", **attributes)


def secret_variables_in(env_file: Path) -> list[str]:
    """Return the variables in ``.env`` that hold a secret, or may: accounts.toml can name any variable.

    Raises ``SettingsError`` if the file cannot be read.
    """
    return [name for name in _read_env_file(env_file)[0] if name in SECRET_VARIABLES or name not in VARIABLES]


def secret_files(root: Path) -> list[Path]:
    """Return the files of tokens and secrets that ``accounts.toml`` names.

    Raises ``SettingsError``.
    """
    tables = _read_accounts_file(root / "accounts.toml", SettingsReader({})).values()
    named = [table.get(key) for table in tables for key in ("token_file", "client_secret_file")]
    return [root / values.parse_path(name) for name in named if isinstance(name, str)]


def load_receivers(environ: Mapping[str, str], root: Path) -> tuple[Receiver, ...]:
    """Load only the receivers of alerts, even if other settings are invalid; without those that are invalid."""
    try:
        file_variables, _ = _read_env_file(root / ".env")
    except SettingsError:
        file_variables = {}
    reader = SettingsReader(file_variables | _without_empty(environ))
    return Settings(data_dir=root, **_parse_attributes(reader, root, RECEIVERS)).receivers


def _without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out empty variables."""
    return {name: text for name, text in environ.items() if text.strip()}


def _parse_attributes(
    reader: SettingsReader, root: Path, variables: Iterable[str] = _ATTRIBUTE_PARSERS
) -> dict[str, Any]:
    """Parse variables into the attributes that are set; relative paths start at ``root``."""
    attributes = {}
    for variable in variables:
        attribute, parse = _ATTRIBUTE_PARSERS[variable]
        attributes[attribute] = reader.read(variable, parse)
    return {
        attribute: root / value if isinstance(value, Path) else value
        for attribute, value in attributes.items()
        if value is not None
    }


def _read_env_file(file: Path) -> tuple[dict[str, str], list[int]]:
    """Read the variables of ``.env`` without substitution (``$`` is a ``$``), and its invalid lines."""
    try:
        found = list(parse_stream(StringIO(read_text(file))))
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {values.describe_read_error(error)}.", advice="It must be a text file in UTF-8."
        ) from None
    variables = {entry.key: entry.value for entry in found if entry.key and entry.value}
    return variables, [entry.original.line for entry in found if entry.error]


def _toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises ``ValueError`` and ``RecursionError``."""
    if max((line.count(".") for line in text.splitlines()), default=0) > MAX_DOTS_IN_A_LINE:
        raise ValueError(f"a line has more than {MAX_DOTS_IN_A_LINE:,} dots")
    return tomllib.loads(text)


def _read_accounts_file(file: Path, reader: SettingsReader) -> Mapping[str, Mapping[str, Any]]:
    """Read the tables ``[accounts.<key>]`` of accounts.toml; empty if there is no file."""
    try:
        document = _toml(read_text(file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested too deep
        raise SettingsError(
            f"{file} cannot be read: {values.describe_read_error(error)}.", advice=f"Write it like {ACCOUNT_EXAMPLE}."
        ) from None
    for key in document.keys() - {"accounts"}:
        reader.add_problem(f"accounts.toml: '{key}' is unknown; the file holds only tables like {ACCOUNT_EXAMPLE}.")
    tables = document.get("accounts", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        reader.add_problem(f"accounts.toml: an account is a table like {ACCOUNT_EXAMPLE}.")
        return {}
    return tables


def _report_unknown_variables(
    file_variables: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]], reader: SettingsReader
) -> None:
    """Report unknown AMOCRM_ variables in ``.env``: a misspelt one would silently be ignored."""
    known = {*VARIABLES, *referenced_variables(tables)}
    for name in file_variables:
        if name.startswith("AMOCRM_") and name not in known:
            suggestion = "".join(f" Did you mean {similar}?" for similar in get_close_matches(name, VARIABLES, n=1))
            reader.add_problem(f"{name} in .env is unknown.{suggestion} .env.example explains every variable.")
