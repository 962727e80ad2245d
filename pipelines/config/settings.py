"""What the user has set: accounts, database, limits.

Read once where a program begins, never at import. How accounts are described is
``account_settings``' subject.
"""

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
from pipelines.config.parsing import SettingsReader

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
    "AMOCRM_REQUESTS_PER_SECOND": ("requests_per_second", values.parse_request_rate),
    "AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS": ("requests_per_second_per_address", values.parse_address_rate),
    "AMOCRM_THREADS": ("threads", values.parse_threads),
    "AMOCRM_FLEET_BUCKETS": ("fleet_buckets", values.parse_buckets),
    "AMOCRM_SCHEDULE_CRON": ("schedule_cron", values.parse_cron),
    "AMOCRM_SCHEDULE_TIMEZONE": ("schedule_timezone", values.parse_timezone),
    "AMOCRM_ALERT_WEBHOOK_URL": ("alert_webhook_url", values.parse_webhook_url),
    "AMOCRM_DAGSTER_URL": ("dagster_url", values.parse_page_url),
    "AMOCRM_DAGSTER_HOSTS": ("dagster_hosts", values.host_names),
    "AMOCRM_DAGSTER_SECRET": ("dagster_secret", values.long_secret),
    "AMOCRM_WRITE_BACK_FROM_DAGSTER": ("write_back_from_dagster", values.switch),
    "AMOCRM_WRITE_BACK_DIR": ("write_back_dir", values.parse_path),
    "AMOCRM_DAGSTER_RUN_DAYS": ("dagster_run_days", values.parse_days),
}

LOCATION_VARIABLES: Final = ("DATABASE_URL", "AMOCRM_DATA_DIR", "AMOCRM_PG_BIN")
"""Those of them that say where the database is."""

WEB: Final = ("AMOCRM_DAGSTER_URL", "AMOCRM_DAGSTER_HOSTS", "AMOCRM_DAGSTER_SECRET")
"""Those of them that Dagster's web server reads. It gets no token and no database of ours."""

VARIABLES: Final = (*ACCOUNT_VARIABLES, *_ATTRIBUTE_PARSERS)
"""Every variable that is read, those that accounts.toml names aside. ``.env.example`` explains them."""


SECRET_VARIABLES: Final = (TOKEN, CLIENT_SECRET, "DATABASE_URL", "AMOCRM_ALERT_WEBHOOK_URL", "AMOCRM_DAGSTER_SECRET")
"""Those of them that hold a secret."""

MAX_DOTS_IN_A_LINE: Final = 1_000
"""Limit in accounts.toml: the time that Python takes for a dotted key grows with the square of its parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All that the user has set, with the default of what was left out."""

    accounts: tuple[AccountSettings, ...] = ()  # that can be loaded, by key
    unusable: tuple[UnusableAccount, ...] = ()  # that cannot, as they are written, by key
    database_url: Secret | None = None  # None: the embedded server
    data_dir: Path  # where the embedded server and Dagster keep their data
    token_dir: Path | None = None  # where tokens had by OAuth are kept; None: the folder tokens in ``data_dir``
    report_dir: Path | None = None  # where reports are written; None: the folder reports in ``data_dir``
    pg_bin: Path | None = None  # PostgreSQL's programs, in place of those installed with us
    raw_retention_days: int = 30  # for so long answers are kept as received; 0: not at all
    requests_per_second: float | None = None  # to one host; None: as ``pace`` has it
    requests_per_second_per_address: float | None = None  # to all hosts together; infinite: no limit but the hosts' own
    threads: int = 8  # accounts loaded at a time, where several are loaded in one process
    fleet_buckets: int = 8  # runs that Dagster makes of all accounts where there are more; else one for each
    schedule_cron: str = "0 * * * *"
    schedule_timezone: str = "UTC"
    alert_webhook_url: Secret | None = None  # told of loads that failed; None: nobody is
    dagster_url: str | None = None  # where people open Dagster's pages, without a trailing slash; alerts link there
    dagster_hosts: tuple[str, ...] = ()  # names under which people open Dagster, beside loopback names and that address
    dagster_secret: Secret | None = None  # lets scripts and proxies into Dagster's UI; None: made at each start
    write_back_from_dagster: bool = False  # the job manage_account may apply plans
    write_back_dir: Path | None = None  # the job reads files below this folder only; None: no files
    dagster_run_days: int = 90  # for so long Dagster's runs are kept; what its pages show as newest stays

    def token_file(self, key: str) -> Path:
        """The file that keeps the tokens of the account of that key, where they are had by OAuth."""
        return (self.token_dir or self.data_dir / "tokens") / f"{key}.json"

    def report_file(self, key: str) -> Path:
        """The report on the account of that key."""
        return (self.report_dir or self.data_dir / "reports") / f"{key}.html"

    @property
    def all_accounts(self) -> tuple[AnyAccount, ...]:
        """Those that can be loaded and those that cannot, by key."""
        return tuple(sorted((*self.accounts, *self.unusable), key=lambda account: account.key))

    def has_key(self, key: str) -> bool:
        """Whether there is an account of that key, be it usable or not."""
        return key in {account.key for account in self.all_accounts}

    def account(self, key: str | None = None) -> AccountSettings:
        """The account of that key, or the only one there is.

        Raises ``SettingsError``, also where it is unusable.
        """
        account = self.any_account(key)
        if isinstance(account, UnusableAccount):
            raise account.error
        return account

    def any_account(self, key: str | None = None) -> AnyAccount:
        """The same, be it usable or not.

        Raises ``SettingsError`` where the choice is not clear, or there is none.
        """
        accounts = self.all_accounts
        if not accounts:
            raise SettingsError(
                "No account is set.",
                advice="Set AMOCRM_HOST (e.g. example.amocrm.ru) and AMOCRM_TOKEN in .env, or try './run demo' first.",
            )
        keys = join_names([account.key for account in accounts])
        if key is None and len(accounts) > 1:
            raise SettingsError(
                "Several accounts are set.", advice=f"Say which one with --account, or take --all of them: {keys}."
            )
        for account in accounts:
            if key in (None, account.key):
                return account
        raise SettingsError(f"There is no account '{key}'.", advice=f"The settings know: {keys}.")


def load_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Settings from ``environ``, and from ``.env`` and ``accounts.toml`` in ``root``, where relative paths start.

    What stands in the environment wins over ``.env``; an empty value is none at all. What is wrong
    within the table of one account makes that account unusable. For all else one ``SettingsError``
    is raised that names every mistake.
    """
    file_variables, invalid_lines = _read_env_file(root / ".env")
    reader = SettingsReader(file_variables | _without_empty(environ))
    for line in invalid_lines:
        reader.add_problem(f".env, line {line}: this is neither a setting nor a comment. Write NAME=value.")
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
    """Where data lie: folder and database, even where nothing else can be used; None where that is not sure.

    There are no accounts in it. It never leads to an embedded server that was not made yet: its
    place may be a mistake.
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
    """Settings of Dagster's web server, and nothing else. Raises ``SettingsError``."""
    file_variables, _ = _read_env_file(root / ".env")
    reader = SettingsReader(file_variables | _without_empty(environ))
    attributes = _parse_attributes(reader, root, WEB)
    reader.raise_problems()
    return Settings(data_dir=root / "data", **attributes)


def secret_variables_in(env_file: Path) -> list[str]:
    """Names of the variables in ``.env`` that hold a secret, or may: accounts.toml names such ones as it likes.

    Raises ``SettingsError`` where the file cannot be read.
    """
    return [name for name in _read_env_file(env_file)[0] if name in SECRET_VARIABLES or name not in VARIABLES]


def secret_files(root: Path) -> list[Path]:
    """Files of tokens and secrets that ``accounts.toml`` in ``root`` names.

    Raises ``SettingsError``.
    """
    tables = _read_accounts_file(root / "accounts.toml", SettingsReader({})).values()
    named = [table.get(key) for table in tables for key in ("token_file", "client_secret_file")]
    return [root / values.parse_path(name) for name in named if isinstance(name, str)]


def load_alert_webhook(environ: Mapping[str, str], root: Path) -> Secret | None:
    """Where failures are told, even where nothing else of the settings can be used; None where that cannot be known."""
    try:
        file_variables, _ = _read_env_file(root / ".env")
    except SettingsError:
        file_variables = {}
    return SettingsReader(file_variables | _without_empty(environ)).read(
        "AMOCRM_ALERT_WEBHOOK_URL", values.parse_webhook_url
    )


def _without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environ.items() if text.strip()}


def _parse_attributes(
    reader: SettingsReader, root: Path, variables: Iterable[str] = _ATTRIBUTE_PARSERS
) -> dict[str, Any]:
    """The attributes that variables are set for."""
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
    """The variables of ``.env``, taken as they stand (a ``$`` in a password is a ``$``), and lines that are none."""
    try:
        found = list(parse_stream(StringIO(read_text(file))))
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {values.describe_read_error(error)}.", advice="It has to be a text file in UTF-8."
        ) from None
    variables = {entry.key: entry.value for entry in found if entry.key and entry.value}
    return variables, [entry.original.line for entry in found if entry.error]


def _toml(text: str) -> dict[str, Any]:
    """The document. Raises ``ValueError`` and ``RecursionError``."""
    if max((line.count(".") for line in text.splitlines()), default=0) > MAX_DOTS_IN_A_LINE:
        raise ValueError(f"a line has more than {MAX_DOTS_IN_A_LINE:,} dots")
    return tomllib.loads(text)


def _read_accounts_file(file: Path, reader: SettingsReader) -> Mapping[str, Mapping[str, Any]]:
    """The tables ``[accounts.<key>]`` of accounts.toml; none where there is no such file."""
    if not file.exists():
        return {}
    try:
        document = _toml(read_text(file))
    except (OSError, ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested too deep
        raise SettingsError(
            f"{file} cannot be read: {values.describe_read_error(error)}.", advice=f"Write it like {ACCOUNT_EXAMPLE}."
        ) from None
    for key in document.keys() - {"accounts"}:
        reader.add_problem(f"accounts.toml: '{key}' is not known; it holds only tables like {ACCOUNT_EXAMPLE}.")
    tables = document.get("accounts", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        reader.add_problem(f"accounts.toml: an account is a table of its own, like {ACCOUNT_EXAMPLE}.")
        return {}
    return tables


def _report_unknown_variables(
    file_variables: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]], reader: SettingsReader
) -> None:
    """A misspelt name in ``.env`` would silently be a default.

    The environment may hold what is not meant for us.
    """
    known = {*VARIABLES, *referenced_variables(tables)}
    for name in file_variables:
        if name.startswith("AMOCRM_") and name not in known:
            suggestion = "".join(f" Did you mean {similar}?" for similar in get_close_matches(name, VARIABLES, n=1))
            reader.add_problem(f"{name} in .env is not known.{suggestion} .env.example explains every variable.")
