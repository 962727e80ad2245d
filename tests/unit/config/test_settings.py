"""Settings: sources, precedence, and all errors without secrets."""

from __future__ import annotations

import pickle
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.base.settings_folder import settings_folder
from pipelines.config import settings
from pipelines.config.integration import Integration
from pipelines.config.parsing import SettingsReader
from pipelines.config.settings import (
    VARIABLES,
    AccountSettings,
    Settings,
    load_alert_webhook,
    load_settings,
    web_settings,
)

PROJECT = Path(__file__).parents[3]
ONE = {"AMOCRM_HOST": "example.amocrm.ru", "AMOCRM_TOKEN": "canary-token"}
BY_OAUTH = {
    "AMOCRM_HOST": "example.amocrm.ru",
    "AMOCRM_CLIENT_ID": "0a1b-2c3d",
    "AMOCRM_CLIENT_SECRET": "canary-secret",
    "AMOCRM_REDIRECT_URI": "http://127.0.0.1:8912/",
}

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    return file


def problems(environ: Mapping[str, str], root: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, root)
    return str(caught.value)


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
        "AMOCRM_REQUESTS_PER_SECOND": "0.5",
        "AMOCRM_REQUESTS_PER_SECOND_PER_ADDRESS": "unlimited",
        "AMOCRM_THREADS": "16",
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
        requests_per_second=0.5,
        requests_per_second_per_address=float("inf"),
        threads=16,
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
        (two, None, "--all.*acme, zenith"),
        (two, "other", "settings: acme, zenith"),
    ):
        with pytest.raises(SettingsError, match=message):
            read.account(key)


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


def test_a_line_of_env_that_is_no_setting_is_named_and_the_others_hold(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# mine\nAMOCRM_RAW_RETENTION_DAYS=7\nAMOCRM_TOKEN secret\nAMOCRM_ALERT_WEBHOOK_URL=https://hooks.example.com/a\n"
    )
    assert problems({}, tmp_path).startswith(".env, line 3: this is not a setting or a comment.")
    assert "secret" not in problems({}, tmp_path)
    assert load_alert_webhook({}, tmp_path) is not None


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
