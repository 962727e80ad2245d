"""Settings: sources, precedence, and all errors without secrets."""

from __future__ import annotations

import pickle
import re
import tomllib
from pathlib import Path

import pytest

from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.base.settings_folder import settings_folder
from pipelines.config import settings
from pipelines.config.parsing import SettingsReader
from pipelines.config.settings import (
    VARIABLES,
    AccountSettings,
    Settings,
    load_receivers,
    load_settings,
    web_settings,
)
from tests.unit.config.conftest import BY_OAUTH, ONE, Write, problems

PROJECT = Path(__file__).parents[3]


def test_nothing_set_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path) == Settings(data_dir=tmp_path / "data")


def test_everything_set(tmp_path: Path) -> None:
    environ = ONE | {
        "DATABASE_URL": "postgres://user:p%40ss@db/warehouse",
        "AMOCRM_DATA_DIR": "elsewhere",
        "AMOCRM_TOKEN_DIR": "/mnt/shared/tokens",
        "AMOCRM_REPORT_DIR": "site",
        "AMOCRM_PG_BIN": "/usr/lib/postgresql/17/bin",
        "AMOCRM_RAW_RETENTION_DAYS": "0",
        "AMOCRM_STAY_RETENTION_DAYS": "730",
        "AMOCRM_REQUESTS_PER_SECOND": "0.5",
        "AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS": "unlimited",
        "AMOCRM_THREADS": "16",
        "AMOCRM_WORKERS": "3",
        "AMOCRM_FLEET_BUCKETS": "12",
        "AMOCRM_SCHEDULE_CRON": "15 */3 * * mon-fri",
        "AMOCRM_SCHEDULE_TIMEZONE": "Europe/Moscow",
        "AMOCRM_ALERT_WEBHOOK_URL": "https://hooks.example.com/services/T000",
        "AMOCRM_DAGSTER_URL": "https://dagster.example.com/",
        "AMOCRM_DAGSTER_HOSTS": "Dagster.example.com, other",
        "AMOCRM_DAGSTER_SECRET": "canary-" * 5,
        "AMOCRM_WRITE_BACK_FROM_DAGSTER": "on",
        "AMOCRM_WRITE_BACK_DIR": "wanted",
        "AMOCRM_DAGSTER_RUN_DAYS": "30",
        "AMOCRM_LANGUAGE": "pt-br",
        "SOMETHING_ELSE": "is not ours",
        "AMOCRM_WAREHOUSE_PORT": "is not ours either",
    }
    assert load_settings(environ, tmp_path) == Settings(
        accounts=(AccountSettings(key="main", base_url="https://example.amocrm.ru", token=Secret("canary-token")),),
        database_url=Secret("postgres://user:p%40ss@db/warehouse"),
        data_dir=tmp_path / "elsewhere",
        token_dir=Path("/mnt/shared/tokens"),
        report_dir=tmp_path / "site",
        pg_bin=Path("/usr/lib/postgresql/17/bin"),
        raw_retention_days=0,
        stay_retention_days=730,
        requests_per_second=0.5,
        requests_per_second_per_address=float("inf"),
        threads=16,
        workers=3,
        fleet_buckets=12,
        schedule_cron="15 */3 * * mon-fri",
        schedule_timezone="Europe/Moscow",
        alert_webhook_url=Secret("https://hooks.example.com/services/T000"),
        dagster_url="https://dagster.example.com",
        dagster_hosts=("dagster.example.com", "other"),
        dagster_secret=Secret("canary-" * 5),
        write_back_from_dagster=True,
        write_back_dir=tmp_path / "wanted",
        dagster_run_days=30,
        language="pt_BR",
    )


def test_the_environment_wins_over_the_file_and_empty_is_unset(tmp_path: Path, write: Write) -> None:
    write(".env", "AMOCRM_RAW_RETENTION_DAYS=1\nAMOCRM_SCHEDULE_TIMEZONE=Asia/Tokyo\nAMOCRM_DATA_DIR=\n")
    read = load_settings({"AMOCRM_RAW_RETENTION_DAYS": "2", "AMOCRM_SCHEDULE_TIMEZONE": " "}, tmp_path)
    assert (read.raw_retention_days, read.schedule_timezone, read.data_dir) == (2, "Asia/Tokyo", tmp_path / "data")


@pytest.mark.parametrize(
    ("said", "folder"), [(None, "/srv"), (" ", "/srv"), ("site", "/srv/site"), ("/etc/amocrm", "/etc/amocrm")]
)
def test_where_the_settings_lie(said: str | None, folder: str) -> None:
    environ = {} if said is None else {"AMOCRM_SETTINGS_DIR": said}
    assert settings_folder(environ, Path("/srv")) == Path(folder)


def test_the_file_is_taken_as_it_stands(tmp_path: Path, write: Write) -> None:
    write(
        ".env",
        "\ufeffDATABASE_URL=postgresql://u:p$HOME${HOME}@db/w\r\n# a comment\r\nAMOCRM_SCHEDULE_CRON='0 6 * * *'\r\n",
    )
    read = load_settings({"HOME": "/home/somebody"}, tmp_path)
    assert read.database_url == Secret("postgresql://u:p$HOME${HOME}@db/w")
    assert read.schedule_cron == "0 6 * * *"


@pytest.mark.parametrize(
    ("variable", "wrong", "says"),
    [
        ("AMOCRM_HOST", "example.com", r"The host 'example.com' is not an amoCRM account.*example\.amocrm\.ru"),
        (
            "AMOCRM_TOKEN",
            "Bearer canary-token",
            "AMOCRM_TOKEN: a token has only ASCII characters and no spaces.*without 'Bearer'",
        ),
        ("AMOCRM_TOKEN", "canary-tokén", "AMOCRM_TOKEN: a token has only ASCII"),
        ("DATABASE_URL", "mysql://u:canary@db/w", "DATABASE_URL: .* does not start with postgresql://"),
        ("DATABASE_URL", "postgresql://u:can@ary@db/w", "DATABASE_URL: .*more than one '@'.*%40"),
        ("DATABASE_URL", "canary", "DATABASE_URL: .*is not a database URL.*postgresql://user:password@"),
        ("DATABASE_URL", "postgresql://u:canary@db:port/w", "DATABASE_URL: .*is not a database URL"),
        ("AMOCRM_RAW_RETENTION_DAYS", "-1", "'-1' is not a number of days.*e.g. 30"),
        ("AMOCRM_RAW_RETENTION_DAYS", "a month", "'a month' is not a number of days"),
        ("AMOCRM_REQUESTS_PER_SECOND", "0", "'0' is not a number above 0 and up to 7"),
        ("AMOCRM_REQUESTS_PER_SECOND", "8", "'8' is not a number above 0 and up to 7"),
        ("AMOCRM_REQUESTS_PER_SECOND", "nan", "'nan' is not a number above 0"),
        ("AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS", "0", "'0' is neither a number above 0 nor 'unlimited'"),
        ("AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS", "inf", "'inf' is neither a number"),
        ("AMOCRM_THREADS", "0", "'0' is not a number from 1 to 64"),
        ("AMOCRM_THREADS", "65", "'65' is not a number from 1 to 64"),
        ("AMOCRM_WORKERS", "two", "'two' is not a number from 1 to 64"),
        ("AMOCRM_SCHEDULE_CRON", "hourly", r"'hourly' is not a cron schedule.*0 \* \* \* \*"),
        ("AMOCRM_SCHEDULE_CRON", "* * * *", r"is not a cron schedule"),
        ("AMOCRM_SCHEDULE_TIMEZONE", "Moscow", "'Moscow' is not a time zone.*Europe/Moscow"),
        ("AMOCRM_SCHEDULE_TIMEZONE", "../etc/passwd", "is not a time zone"),
        (
            "AMOCRM_ALERT_WEBHOOK_URL",
            "http://hooks.example.com/canary",
            "AMOCRM_ALERT_WEBHOOK_URL: .*not an https URL",
        ),
        ("AMOCRM_ALERT_WEBHOOK_URL", "https://[canary", "AMOCRM_ALERT_WEBHOOK_URL: .*not an https URL"),
        ("AMOCRM_DAGSTER_URL", "canary.example.com", "AMOCRM_DAGSTER_URL: .*this is not a URL"),
        ("AMOCRM_DAGSTER_URL", "https://[canary", "AMOCRM_DAGSTER_URL: .*this is not a URL"),
    ],
)
def test_a_mistake_names_the_variable_and_an_example(tmp_path: Path, variable: str, wrong: str, says: str) -> None:
    said = problems(ONE | {variable: wrong}, tmp_path)
    assert variable in said
    assert re.search(says, said)
    assert "canary" not in said


def test_all_errors_are_reported_at_once(tmp_path: Path, write: Write) -> None:
    write(".env", "AMOCRM_TOKENS=x\n")
    write("accounts.toml", '[accounts.ACME]\nhost = "nowhere"\ntoken_env = "ACME_TOKEN"\n')
    said = problems({"AMOCRM_RAW_RETENTION_DAYS": "x", "AMOCRM_SCHEDULE_CRON": "y"}, tmp_path)
    assert said.startswith("4 settings cannot be used:\n")
    assert [line.split(":")[0].strip() for line in said.splitlines()[1:5]] == [
        "- AMOCRM_RAW_RETENTION_DAYS",
        "- AMOCRM_SCHEDULE_CRON",
        "- accounts.toml, account 'ACME'",
        "- AMOCRM_TOKENS in .env is unknown. Did you mean AMOCRM_TOKEN? .env.example explains every variable.",
    ]


def test_a_line_of_env_that_is_no_setting_is_named_and_the_others_hold(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# mine\nAMOCRM_RAW_RETENTION_DAYS=7\nAMOCRM_TOKEN secret\nAMOCRM_ALERT_WEBHOOK_URL=https://hooks.example.com/a\n"
    )
    assert problems({}, tmp_path).startswith(".env, line 3: this is not a setting or a comment.")
    assert "secret" not in problems({}, tmp_path)
    assert load_receivers({}, tmp_path)


def test_binary_files_are_reported(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_bytes(b"\xff\xfe\x00")
    assert "accounts.toml cannot be read: it is not UTF-8" in problems({}, tmp_path)
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\x00")
    assert ".env cannot be read: it is not UTF-8" in problems({}, tmp_path)


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    read = load_settings(ONE | {"DATABASE_URL": "postgresql://u:canary@db/w"}, tmp_path)
    token = read.accounts[0].token
    shown = f"{read} {read!r} {[read.database_url]} {token!s}"
    assert "canary" not in shown
    assert isinstance(token, Secret)
    assert token.reveal() == "canary-token"
    assert pickle.loads(pickle.dumps(read)) == read  # noqa: S301  # Dagster's processes hand settings on


class Recorder(dict[str, str]):
    """An environment that has every variable, and remembers which ones were looked at."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys((*VARIABLES, "SOMETHING_ELSE"), ""))
        self.read: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.read.add(name)
        return super().get(name, default)


def test_the_example_names_exactly_the_variables_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr(settings, "SettingsReader", lambda _: SettingsReader(recorder))
    load_settings({}, tmp_path)
    assert recorder.read == set(VARIABLES)
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == sorted(VARIABLES)


def test_the_example_can_be_copied_as_it_is(tmp_path: Path, write: Write) -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    write(".env", example)
    assert load_settings({}, tmp_path) == Settings(data_dir=tmp_path / "data")
    for given in re.findall(r"^# e\.g\. (.*)$", example, re.MULTILINE):
        name, _, text = given.partition("=")
        load_settings((BY_OAUTH if name in BY_OAUTH else ONE) | {name: text}, tmp_path)


def test_the_accounts_example_names_what_is_read() -> None:
    document = tomllib.loads((PROJECT / "accounts.example.toml").read_text(encoding="utf-8"))
    assert {key for table in document["accounts"].values() for key in table} == set(settings.ACCOUNT_KEYS)


def test_the_language_of_an_account_comes_first(tmp_path: Path, write: Write) -> None:
    write(
        "accounts.toml",
        '[accounts.a]\nhost = "a.amocrm.ru"\ntoken_env = "T"\nlanguage = "ES"\n'
        '[accounts.b]\nhost = "b.amocrm.ru"\ntoken_env = "T"\n'
        '[accounts.c]\nhost = "c.amocrm.ru"\ntoken_env = "T"\nlanguage = "klingon"\n',
    )
    found = load_settings({"T": "a-token", "AMOCRM_LANGUAGE": "ru"}, tmp_path)
    assert [found.account_language(key) for key in ("a", "b", "unknown")] == ["es", "ru", "ru"]
    with pytest.raises(SettingsError, match=r"language: 'klingon' is not one of the languages en, es, pt-BR, ru"):
        found.account("c")


@pytest.mark.parametrize(("set_to", "place"), [("", "data/reports"), ("site", "site"), ("/srv/www", "/srv/www")])
def test_where_reports_lie(tmp_path: Path, set_to: str, place: str) -> None:
    settings = load_settings({"AMOCRM_REPORT_DIR": set_to}, tmp_path)
    assert settings.report_file("shop") == tmp_path / place / "shop.html"


def test_the_web_server_reads_its_own_settings_alone(tmp_path: Path, write: Write) -> None:
    write(".env", "AMOCRM_DAGSTER_HOSTS=a.example\nAMOCRM_TOKEN=wrong token\nDATABASE_URL=nonsense\n")
    found = web_settings({"AMOCRM_DAGSTER_URL": "https://b.example"}, tmp_path)
    assert (found.dagster_hosts, found.dagster_url) == (("a.example",), "https://b.example")
    assert (found.accounts, found.database_url) == ((), None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("AMOCRM_DAGSTER_HOSTS", text) for text in ("*", "a.example:443", "https://a.example", ",", "a b", "a/")),
        *(("AMOCRM_DAGSTER_SECRET", text) for text in ("canary", "canary " * 10, "канарейка" * 10)),
        *(("AMOCRM_WRITE_BACK_FROM_DAGSTER", text) for text in ("yes", "1", "true", "ON")),
    ],
)
def test_settings_of_the_ui_are_checked_and_its_secret_is_not_repeated(tmp_path: Path, name: str, text: str) -> None:
    said = problems({name: text}, tmp_path)
    assert name in said
    assert "canary" not in said
    assert "канарейка" not in said
