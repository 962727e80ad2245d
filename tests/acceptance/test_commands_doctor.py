"""``doctor``: every problem is reported with advice and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from commands.doctor import command as doctor
from commands.doctor import print_check
from commands.doctor.account import check_account
from commands.doctor.check import Check, failed, warning
from commands.doctor.database import check_database
from commands.doctor.machine import check_data_folder, check_schedule
from commands.doctor.receivers import check_delivery
from emulator import Clock as EmulatorClock
from emulator import Emulator, effects
from pipelines.amocrm.client import AmoClient
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import (
    ApiError,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    MigrationError,
    SettingsError,
    Unauthorized,
    Unavailable,
    WarehouseError,
    WrongAccount,
)
from pipelines.base.language import ENGLISH
from pipelines.base.secret import Secret
from pipelines.config.database_url import parse_database_url
from pipelines.config.receivers import build_receivers
from pipelines.config.settings import AccountSettings, Settings, load_location_settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import open_engine
from tests.accounts import account_settings
from tests.command_line import run
from tests.conftest import render_url
from tests.integration.test_webhook import Hook

ChecksBySubject = dict[str, Check]


@pytest.fixture
def emulator(live_emulator: Emulator) -> Emulator:
    live_emulator.world.add_segment(live_emulator.world.add_account("Corner Coffee"), "VIP", color="10599d")
    return live_emulator


def account_of(emulator: Emulator, token: str | None = None) -> AccountSettings:
    account_id = next(iter(emulator.world.accounts))
    account = account_settings(emulator, account_id)
    return replace(account, token=Secret(token)) if token else account


def checks_by_subject(account: AccountSettings, engine: Engine | None = None) -> ChecksBySubject:
    """The checks of an account, by what they are about."""
    checks = list(check_account(account, Settings(data_dir=Path("nowhere")), engine, SYSTEM_CLOCK))
    return {check.subject.removeprefix("account 'main': "): check for check in checks}


def test_a_sound_account_passes_every_check(emulator: Emulator, engine: Engine) -> None:
    checks = checks_by_subject(account_of(emulator), engine)
    assert {check.status for check in checks.values()} == {"ok"}
    assert set(checks) == {"token", "access", "clock", "mode", "rights", "identity"}
    assert "1 segment and 0 fields" in checks["rights"].finding


@pytest.mark.parametrize(
    ("ends_in", "status", "exit_code"),
    [
        (timedelta(days=15), "ok", 0),
        (timedelta(days=13), "warning", 0),
        (timedelta(seconds=-1), "failed", Unauthorized.exit_code),
    ],
)
def test_a_token_that_ends_is_noticed_in_time(
    emulator: Emulator, ends_in: timedelta, status: str, exit_code: int
) -> None:
    account_id = next(iter(emulator.world.accounts))
    token = emulator.long_lived_token(account_id, expires_at=datetime.now(UTC) + ends_in)
    check = checks_by_subject(account_of(emulator, token))["token"]
    assert (check.status, check.exit_code) == (status, exit_code)


def test_a_wrong_token_differs_from_an_expired_one(emulator: Emulator) -> None:
    checks = checks_by_subject(account_of(emulator, "not-a-token"))
    assert checks["token"].status == "warning"
    assert (checks["access"].status, checks["access"].exit_code) == ("failed", Unauthorized.exit_code)
    assert checks["clock"].status == "ok", "a refusal has a date too"


def test_a_host_that_does_not_answer(emulator: Emulator) -> None:
    account = account_of(emulator)
    emulator.stop()
    checks = checks_by_subject(account)
    assert checks["access"].exit_code == Unavailable.exit_code
    assert set(checks) == {"token", "access"}


def test_checks_that_are_broken_off_leave_no_connection(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[None] = []
    close = AmoClient.close
    monkeypatch.setattr(AmoClient, "close", lambda client: closed.append(close(client)))
    checks = check_account(account_of(emulator), Settings(data_dir=Path("nowhere")), None, SYSTEM_CLOCK)
    next(check for check in checks if check.subject.endswith("access"))
    assert not closed
    checks.close()
    assert len(closed) == 1


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(timedelta(minutes=10), "10 min behind"), (timedelta(hours=-3, minutes=-5), "3 h 5 min ahead of")],
)
def test_clocks_that_disagree(ahead: timedelta, words: str) -> None:
    clock = EmulatorClock()
    clock.advance(ahead)
    with Emulator(clock=clock) as emulator:
        emulator.world.add_account("Corner Coffee")
        check = checks_by_subject(account_of(emulator))["clock"]
    assert check.status == "warning"
    assert check.finding == f"This machine's clock is {words} amoCRM's."


@pytest.mark.parametrize("mode", ["disabled", "unavailable"])
def test_a_mode_without_customers(emulator: Emulator, mode: str) -> None:
    emulator.world.switch_mode(next(iter(emulator.world.accounts)), mode)  # type: ignore[arg-type]
    checks = checks_by_subject(account_of(emulator))
    assert checks["mode"].status == "warning"
    assert "rights" not in checks


def test_lists_that_may_not_be_read(emulator: Emulator) -> None:
    emulator.faults.add(effects.error(403), resource="segments")
    checks = checks_by_subject(account_of(emulator))
    assert checks["access"].status == "ok"
    assert checks["rights"].exit_code == Forbidden.exit_code


def test_a_history_of_another_account(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = account_of(emulator)
    load_account(LoadContext(engine, account, Settings(data_dir=tmp_path)))
    assert checks_by_subject(account, engine)["identity"].status == "ok"
    other = emulator.world.add_account("Another")
    check = checks_by_subject(account_of(emulator, emulator.long_lived_token(other)), engine)["identity"]
    assert (check.status, check.exit_code) == ("failed", WrongAccount.exit_code)


def test_an_account_that_another_key_has_already(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = account_of(emulator)
    load_account(LoadContext(engine, account, Settings(data_dir=tmp_path)))
    second = replace(account, key="second")
    settings = Settings(data_dir=tmp_path, accounts=(account, second))
    (check,) = (one for one in check_account(second, settings, engine, SYSTEM_CLOCK) if "identity" in one.subject)
    assert (check.status, check.exit_code) == ("failed", WrongAccount.exit_code)
    assert "under the key 'main'" in check.finding


def of_database(url: str) -> ChecksBySubject:
    engine = open_engine(url)
    try:
        return {check.subject.removeprefix("database: "): check for check in check_database(engine)}
    finally:
        engine.dispose()


def test_a_database_that_was_never_migrated(empty_database_url: str) -> None:
    checks = of_database(empty_database_url)
    assert (checks["access"].status, checks["privileges"].status) == ("ok", "ok")
    assert checks["migrations"].exit_code == MigrationError.exit_code
    assert "0001_account_and_snapshot" in checks["migrations"].finding


def test_a_database_that_takes_no_changes(engine: Engine, postgres_url: str) -> None:
    with engine.begin() as connection:
        name = connection.scalar(text("select current_database()"))
        connection.execute(text(f"alter database {name} set default_transaction_read_only = on"))
    checks = of_database(postgres_url)
    assert checks["privileges"].status == "failed"
    assert checks["migrations"].status == "ok"


@pytest.mark.parametrize(
    "grant", ["", "grant usage on schema amocrm to {role}; grant select on all tables in schema amocrm to {role}"]
)
def test_a_role_that_may_not_write(engine: Engine, postgres_url: str, grant: str) -> None:
    with engine.begin() as connection:
        role = f"guest_{connection.scalar(text('select current_database()'))}"
        connection.execute(text(f"create role {role} login password 'hunter2secret'"))
        for statement in filter(None, grant.format(role=role).split(";")):
            connection.execute(text(statement))
    try:
        checks = of_database(render_url(parse_database_url(postgres_url).set(username=role, password="hunter2secret")))
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"drop owned by {role}"))
            connection.execute(text(f"drop role {role}"))
    assert [check.status for check in checks.values()].count("failed") >= 1
    assert "hunter2secret" not in str(checks)


def errors(kind: type[WarehouseError] = WarehouseError) -> Iterator[type[WarehouseError]]:
    for one in kind.__subclasses__():
        yield one
        yield from errors(one)


@pytest.mark.parametrize("error", [SettingsError, DatabaseUnavailable, *errors(ApiError), *errors(DatabaseError)])
def test_doctor_does_not_advise_running_doctor(error: type[WarehouseError]) -> None:
    check = failed("something", error("It is amiss."))
    assert check.advice
    assert "doctor" not in check.advice


def test_a_data_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert check_data_folder(Settings(data_dir=tmp_path / "new" / "deep")).status == "ok"
    check = check_data_folder(Settings(data_dir=file / "data"))
    assert (check.status, check.exit_code) == ("failed", SettingsError.exit_code)


def test_a_schedule_that_was_never_set_up(tmp_path: Path) -> None:
    assert check_schedule(Settings(data_dir=tmp_path)).status == "ok"


def test_the_whole_command(tmp_path: Path, emulator: Emulator, postgres_url: str) -> None:
    token = account_of(emulator).token
    assert isinstance(token, Secret)
    variables = {"AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": token.reveal(), "DATABASE_URL": postgres_url}
    sound = run("doctor", folder=tmp_path, **variables)
    assert (sound.returncode, sound.stderr) == (0, "")
    # The server of the tests may have given this role more than a warehouse's owner needs, which is told.
    amiss_here = [line for line in sound.stdout.splitlines() if line.startswith(("warning", "failed"))]
    assert [line for line in amiss_here if "database: rights" not in line] == []
    nowhere = "postgresql://warehouse:hunter2secret@127.0.0.1:1/warehouse"
    amiss = run("doctor", "--json", folder=tmp_path, **variables | {"DATABASE_URL": nowhere, "AMOCRM_TOKEN": "wrong"})
    checks = {check["subject"]: check for check in json.loads(amiss.stdout)["checks"]}
    assert {subject for subject, check in checks.items() if check["status"] == "failed"} == {
        "database: access",
        "account 'main': access",
    }
    assert amiss.returncode == checks["database: access"]["exit_code"]
    assert all(check["advice"] for check in checks.values() if check["status"] != "ok")
    printed = sound.stdout + amiss.stdout + amiss.stderr
    assert "hunter2secret" not in printed
    assert token.reveal() not in printed


def test_the_probe_and_the_cost_of_a_scan(tmp_path: Path, emulator: Emulator, postgres_url: str) -> None:
    account_id = next(iter(emulator.world.accounts))
    emulator.world.add_customers(account_id, 600)
    token = account_of(emulator).token
    assert isinstance(token, Secret)
    variables = {"AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": token.reveal(), "DATABASE_URL": postgres_url}
    off = run("doctor", "--json", folder=tmp_path, **variables)
    assert "Scans of customers are off. 'amocrm-warehouse doctor --scan-cost' says what one costs." in off.stdout
    assert "/api/v4/customers" not in {request.path for request in emulator.requests}
    probed = run("doctor", "--probe", folder=tmp_path, **variables)
    assert probed.returncode == 0, probed.stderr
    assert "customers order                      by id" in probed.stdout
    assert [one for one in ("VIP", "CANARY", str(account_id), emulator.host, "main") if one in probed.stdout] == []
    findings = json.loads(run("doctor", "--probe", "--json", folder=tmp_path, **variables).stdout)["findings"]
    assert all(one["observed"] for one in findings)
    assert {request.method for request in emulator.requests} == {"GET"}
    checks = json.loads(run("doctor", "--scan-cost", "--json", folder=tmp_path, **variables).stdout)["checks"]
    cost = next(check["finding"] for check in checks if check["subject"] == "account 'main': scan")
    assert "Customers: 600. A scan sends about 6 requests" in cost
    emulator.world.switch_mode(account_id, "disabled")
    switched_on = variables | {"AMOCRM_CUSTOMERS": "daily"}
    checks = json.loads(run("doctor", "--json", folder=tmp_path, **switched_on).stdout)["checks"]
    assert next(check["status"] for check in checks if check["subject"] == "account 'main': scan") == "warning"


def test_settings_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    result = run("doctor", folder=tmp_path, AMOCRM_HOST="evil.example", AMOCRM_RAW_RETENTION_DAYS="many")
    assert result.returncode == SettingsError.exit_code
    assert "AMOCRM_HOST" in result.stdout
    assert "AMOCRM_RAW_RETENTION_DAYS" in result.stdout


def test_wrong_settings_do_not_hide_the_database(tmp_path: Path, postgres_url: str) -> None:
    amiss = {"AMOCRM_HOST": "evil.example", "AMOCRM_RAW_RETENTION_DAYS": "many"}
    result = run("doctor", "--json", folder=tmp_path, DATABASE_URL=postgres_url, **amiss)
    checks = {check["subject"]: check["status"] for check in json.loads(result.stdout)["checks"]}
    assert result.returncode == SettingsError.exit_code
    assert checks["settings"] == "failed"
    assert checks["data folder"] == checks["database: access"] == checks["database: migrations"] == "ok"


@pytest.mark.parametrize(
    ("variables", "is_sure"),
    [
        ({"DATABASE_URL": "postgresql://warehouse@db.example.com/warehouse", "AMOCRM_THREADS": "many"}, True),
        ({"DATABASE_URL": "mysql://db.example.com/warehouse"}, False),
        ({"AMOCRM_THREADS": "many"}, False),
    ],
)
def test_no_embedded_server_is_made_for_wrong_settings(
    tmp_path: Path, variables: dict[str, str], is_sure: bool
) -> None:
    assert (load_location_settings(variables, tmp_path) is not None) == is_sure
    (tmp_path / ".env").write_text("DATABASE_URL postgresql://warehouse@db.example.com/warehouse\n")
    assert load_location_settings(variables, tmp_path) is None


@pytest.fixture
def many_accounts(tmp_path: Path, emulator: Emulator, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings of eleven accounts, the fourth of which has a token that amoCRM does not know; their keys."""
    keys = [f"a-customer-with-a-long-name-{number}" for number in range(11)]
    (tmp_path / "accounts.toml").write_text(
        "".join(
            f'[accounts.{key}]\nhost = "{emulator.host}"\ntoken_env = "TOKEN_{key[-1]}_{len(key)}"\n' for key in keys
        )
    )
    for key in keys:
        token = "wrong" if key == keys[3] else emulator.long_lived_token(emulator.world.add_account(key))
        monkeypatch.setenv(f"TOKEN_{key[-1]}_{len(key)}", token)
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return keys


def test_of_many_accounts_only_what_is_amiss_is_shown(many_accounts: list[str]) -> None:
    wrong = many_accounts[3]
    shown = CliRunner().invoke(doctor).output
    assert [line.split()[0] for line in shown.splitlines() if "account 'a" in line and "Failed" not in line] == [
        "warning",
        "failed",
    ]
    assert "\n10 accounts are ok.\n" in shown
    assert shown.endswith(f" Failed: account '{wrong}': access.\n")
    assert all(line.startswith(" " * 35) for line in shown.splitlines() if "amoCRM refused" in line)


def test_one_account_alone(many_accounts: list[str]) -> None:
    done = CliRunner().invoke(doctor, ["--account", many_accounts[0]])
    assert done.exit_code == 0
    assert f"account '{many_accounts[0]}': rights" in done.output
    assert f"account '{many_accounts[1]}'" not in done.output
    nobody = CliRunner().invoke(doctor, ["--account", "nobody", "--json"])
    checks = json.loads(nobody.output)["checks"]
    assert nobody.exit_code == SettingsError.exit_code
    assert [check["subject"] for check in checks if check["status"] == "failed"] == ["settings"]
    assert "database: access" in {check["subject"] for check in checks}


@pytest.mark.parametrize(
    ("response", "status", "words"),
    [
        (200, "ok", "accepted the message"),
        (404, "failed", "answered 404"),
        (None, "failed", "No receiver"),
    ],
)
def test_a_message_is_sent_on_request(response: int | None, status: str, words: str) -> None:
    with Hook(response or 200).running() as hook:
        [check] = check_delivery(build_receivers(hook.url if response else None, ()), SYSTEM_CLOCK)
    assert (check.status, words in check.finding) == (status, True)
    assert check.exit_code == (0 if status == "ok" else SettingsError.exit_code)
    assert len(hook.received) == (1 if response else 0)
    assert all("test" in str(body["text"]) for _, body, _ in hook.received)


def test_webhook_is_checked_last_and_nothing_is_sent_without_consent(tmp_path: Path) -> None:
    with Hook(200).running() as hook:
        variables = {"AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal(), "AMOCRM_THREADS": "many"}
        run("doctor", "--json", folder=tmp_path, **variables)
        assert not hook.received
        checks = json.loads(run("doctor", "--json", "--send-test-alert", folder=tmp_path, **variables).stdout)["checks"]
    assert (checks[-1]["subject"], checks[-1]["status"], len(hook.received)) == ("alerts: test message", "ok", 1)


def test_what_is_to_be_typed_stands_on_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_check(
        warning(
            "account 'a-customer-with-a-long-name': token",
            "It ends soon. " * 6,
            "Type: amocrm-warehouse --account " * 6,
        ),
        ENGLISH,
    )
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "warning  account 'a-customer-with-a-long-name': token"
    assert {line[:35] for line in others} == {" " * 35}
    assert sum(line.count("amocrm-warehouse") for line in others) == 6
