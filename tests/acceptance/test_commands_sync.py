"""``sync`` as a process: exit codes, text, JSON, and no secret in the output."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from commands.cli import cli
from emulator import Emulator, effects
from emulator.faults import Effect
from pipelines.base.errors import (
    Blocked,
    DatabaseUnavailable,
    Forbidden,
    MalformedAnswer,
    MigrationError,
    NotFound,
    RateLimited,
    SettingsError,
    Superseded,
    Unauthorized,
    Unavailable,
    WarehouseError,
    WrongAccount,
)
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.accounts import account_settings, fast_settings, frozen_clock
from tests.command_line import build_environment, command_line, run
from tests.integration.test_webhook import Hook

EFFECTS_AND_ERRORS: dict[str, tuple[Effect, type[WarehouseError]]] = {
    "blocked": (effects.blocked(), Blocked),
    "forbidden": (effects.error(403), Forbidden),
    "limited": (effects.too_many(in_body=100_000), RateLimited),
    "malformed": (effects.html(), MalformedAnswer),
    "missing": (effects.error(404), NotFound),
    "passing": (effects.status(503, headers={"Retry-After": "100000"}), Unavailable),
    "token": (effects.error(401), Unauthorized),
    "unpaid": (effects.error(402), Forbidden),
}


@pytest.fixture
def emulator(live_emulator: Emulator) -> Emulator:
    live_emulator.world.add_account("Corner Coffee")
    return live_emulator


def token_of(emulator: Emulator) -> str:
    return emulator.long_lived_token(next(iter(emulator.world.accounts)))


def variables_of(emulator: Emulator) -> dict[str, str]:
    return {"AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": token_of(emulator)}


def test_every_account_is_tried_and_each_failure_has_its_own_exit_code(tmp_path: Path, postgres_url: str) -> None:
    variables, lines = {}, []
    with ExitStack() as stack:
        for key in [*EFFECTS_AND_ERRORS, "zz-well"]:
            emulator = stack.enter_context(Emulator())
            emulator.world.add_segment(emulator.world.add_account(key), "VIP", color="10599d")
            if key in EFFECTS_AND_ERRORS:
                emulator.faults.add(EFFECTS_AND_ERRORS[key][0])
            variable = f"TOKEN_{key.upper()}"
            variables[variable] = token_of(emulator)
            lines += [f'[accounts."{key}"]', f'host = "{emulator.host}"', f'token_env = "{variable}"']
        (tmp_path / "accounts.toml").write_text("\n".join(lines), encoding="utf-8")
        result = run("sync", "--all", "--json", folder=tmp_path, DATABASE_URL=postgres_url, **variables)
        chosen = run("sync", "--account", "zz-well", folder=tmp_path, DATABASE_URL=postgres_url, **variables)
        unclear = run("sync", folder=tmp_path, DATABASE_URL=postgres_url, **variables)

    outcomes = {outcome["account"]: outcome for outcome in json.loads(result.stdout)["accounts"]}
    assert {key: (one["error"], one["exit_code"]) for key, one in outcomes.items() if key in EFFECTS_AND_ERRORS} == {
        key: (error.__name__, error.exit_code) for key, (_, error) in EFFECTS_AND_ERRORS.items()
    }
    assert all(
        one["status"] == "failed" and one["message"] for key, one in outcomes.items() if key in EFFECTS_AND_ERRORS
    )
    assert (outcomes["zz-well"]["status"], outcomes["zz-well"]["segment_count"]) == ("loaded", 1)
    assert result.returncode == Blocked.exit_code, "the first failure decides"
    assert (chosen.returncode, chosen.stderr) == (0, "")
    assert chosen.stdout.startswith("account 'zz-well' (zz-well): 1 segment; nothing changed; ")
    assert unclear.returncode == SettingsError.exit_code
    assert "--account" in unclear.stderr
    printed = result.stdout + result.stderr + chosen.stdout + unclear.stderr
    assert not [token for token in variables.values() if token in printed]


def test_sync_prints_what_changed(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    account_id = next(iter(emulator.world.accounts))
    first = emulator.world.add_segment(account_id, "VIP", color="10599d", size=5)
    emulator.world.add_segment(account_id, "New", color="10599d")
    variables = variables_of(emulator) | {"DATABASE_URL": postgres_url}
    assert "2 segments; 2 sizes changed, 2 versions opened;" in run("sync", folder=tmp_path, **variables).stdout
    emulator.world.set_size(account_id, first, 6)
    emulator.world.rename_segment(account_id, first, "Very important")
    result = run("sync", folder=tmp_path, **variables)
    assert "2 segments; 1 size changed, 1 version opened, 1 closed;" in result.stdout
    assert result.returncode == 0
    [line] = run("sync", "--json-lines", folder=tmp_path, **variables).stdout.splitlines()
    logged = json.loads(line)
    assert (logged["account"], logged["status"], datetime.fromisoformat(logged["time"]).tzinfo) == (
        "main",
        "loaded",
        UTC,
    )
    assert run("sync", "--json-lines", "--quiet", folder=tmp_path, **variables).returncode == 2


def test_a_load_that_is_older_than_what_is_published_is_superseded(
    tmp_path: Path, postgres_url: str, engine: Engine, emulator: Emulator
) -> None:
    account = account_settings(emulator, next(iter(emulator.world.accounts)))
    clock = frozen_clock(datetime.now(UTC) + timedelta(hours=1))
    load_account(LoadContext(engine, account, fast_settings(tmp_path), clock=clock))
    variables = variables_of(emulator) | {"DATABASE_URL": postgres_url}
    result = run("sync", folder=tmp_path, **variables)
    assert result.returncode == Superseded.exit_code
    assert result.stderr.endswith("[superseded]\n")


def test_another_account_under_the_same_key_is_refused(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    variables = variables_of(emulator) | {"DATABASE_URL": postgres_url}
    assert run("sync", folder=tmp_path, **variables).returncode == 0
    other = emulator.world.add_account("Another")
    result = run("sync", folder=tmp_path, **variables | {"AMOCRM_TOKEN": emulator.long_lived_token(other)})
    assert result.returncode == WrongAccount.exit_code


def test_without_a_usable_database_no_request_is_sent(
    tmp_path: Path, empty_database_url: str, emulator: Emulator
) -> None:
    variables = variables_of(emulator)
    nowhere = "postgresql://warehouse:hunter2secret@127.0.0.1:1/warehouse"
    unreachable = run("sync", folder=tmp_path, DATABASE_URL=nowhere, **variables)
    not_migrated = run("sync", folder=tmp_path, DATABASE_URL=empty_database_url, **variables)
    assert unreachable.returncode == DatabaseUnavailable.exit_code
    assert not_migrated.returncode == MigrationError.exit_code
    assert "Run 'amocrm-warehouse migrate'." in not_migrated.stderr, "there is no ./run in that folder"
    assert "hunter2secret" not in unreachable.stdout + unreachable.stderr
    assert emulator.requests == []
    migrated = run("migrate", folder=tmp_path, DATABASE_URL=empty_database_url)
    again = run("migrate", folder=tmp_path, DATABASE_URL=empty_database_url)
    assert "applied 0001_account_and_snapshot" in migrated.stdout
    assert again.stdout == "Nothing to do: tables and views are up to date.\n"
    assert run("sync", folder=tmp_path, DATABASE_URL=empty_database_url, **variables).returncode == 0


def fleet(folder: Path, emulator: Emulator, count: int) -> tuple[dict[str, str], dict[str, int]]:
    """Settings for so many accounts: the variables, and the accounts' ids by key."""
    ids = {f"account-{number:02}": emulator.world.add_account() for number in range(count)}
    variables = {f"TOKEN_{id_}": emulator.long_lived_token(id_) for id_ in ids.values()}
    (folder / "accounts.toml").write_text(
        "\n".join(f'[accounts.{key}]\nhost = "{emulator.host}"\ntoken_env = "TOKEN_{id_}"' for key, id_ in ids.items()),
        encoding="utf-8",
    )
    return variables, ids


def test_of_many_accounts_only_those_that_failed_are_named_and_tried_again(
    tmp_path: Path, postgres_url: str, emulator: Emulator
) -> None:
    variables, ids = fleet(tmp_path, emulator, 24)
    variables["DATABASE_URL"] = postgres_url
    for key in ("account-03", "account-11"):
        emulator.faults.add(effects.error(401), account_id=ids[key])
    result = run("sync", "--all", "--threads", "3", folder=tmp_path, **variables)
    assert result.returncode == Unauthorized.exit_code
    assert result.stdout.startswith("22 of 24 accounts loaded, 2 failed, ")
    assert "Unauthorized, 2 accounts: account-03, account-11\nWhat happened, to account-03: " in result.stderr
    quiet = run("sync", "--retry-failed", "--quiet", folder=tmp_path, **variables)
    assert (quiet.returncode, quiet.stdout) == (Unauthorized.exit_code, "")
    assert quiet.stderr.startswith("0 of 2 accounts loaded, 2 failed, ")
    assert "Unauthorized, 2 accounts: account-03, account-11\nWhat happened, to account-03: " in quiet.stderr
    emulator.faults.clear()
    again = run("sync", "--retry-failed", folder=tmp_path, **variables)
    assert [line.partition(" (")[0] for line in sorted(again.stdout.splitlines())] == [
        "account 'account-03'",
        "account 'account-11'",
    ]
    assert again.returncode == 0
    quiet = run("sync", "--all", "--quiet", folder=tmp_path, **variables)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    nothing = run("sync", "--retry-failed", folder=tmp_path, **variables)
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing to do: no account's latest load failed.\n")


def test_a_fleet_ends_on_a_signal(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    variables, ids = fleet(tmp_path, emulator, 24)
    for place, account_id in enumerate(ids.values()):
        emulator.faults.add(effects.error(401) if place < 2 else effects.too_many(in_body=100), account_id=account_id)
    process = subprocess.Popen(
        command_line("sync", "--all"),
        cwd=tmp_path,
        env=build_environment(DATABASE_URL=postgres_url, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not emulator.requests:  # after the first 429 no further request is sent
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)  # nobody waits for the hundred seconds that amoCRM asks for
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.endswith("Interrupted.\n")
    assert re.search(r"0 of 24 accounts loaded(, [12] failed)?; 2\d accounts left. Run the same command", said)


def test_an_account_without_its_token_stops_no_other(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    variables, ids = fleet(tmp_path, emulator, 3)
    del variables[f"TOKEN_{ids['account-01']}"]
    variables["DATABASE_URL"] = postgres_url
    result = run("sync", "--all", "--json", folder=tmp_path, **variables)
    outcomes = {one["account"]: one for one in json.loads(result.stdout)["accounts"]}
    assert [one["status"] for one in outcomes.values()] == ["loaded", "failed", "loaded"]
    assert (result.returncode, outcomes["account-01"]["error"]) == (SettingsError.exit_code, "SettingsError")
    assert f"the variable TOKEN_{ids['account-01']}, which its token_env names" in outcomes["account-01"]["message"]
    single = run("sync", "--account", "account-01", folder=tmp_path, **variables)
    assert (single.returncode, single.stdout) == (SettingsError.exit_code, "")
    assert "Add a line TOKEN_" in single.stderr
    status = run("auth", "status", folder=tmp_path, **variables)
    assert (status.returncode, status.stdout.count("long-lived token")) == (SettingsError.exit_code, 2)
    checked = json.loads(run("doctor", "--json", folder=tmp_path, **variables).stdout)["checks"]
    failed = [(one["subject"], one["exit_code"]) for one in checked if one["status"] == "failed"]
    assert failed == [("account 'account-01': settings", SettingsError.exit_code)]


def test_a_file_of_accounts_that_cannot_be_read_stops_everything(
    tmp_path: Path, postgres_url: str, emulator: Emulator
) -> None:
    variables, _ = fleet(tmp_path, emulator, 2)
    with (tmp_path / "accounts.toml").open("a") as file:
        file.write("\n[accounts.late\n")
    result = run("sync", "--all", folder=tmp_path, DATABASE_URL=postgres_url, **variables)
    assert (result.returncode, result.stdout) == (SettingsError.exit_code, "")
    assert emulator.requests == []


def test_sync_notifies_once_of_what_nobody_was_told(
    tmp_path: Path, postgres_url: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables, ids = fleet(tmp_path, emulator, 2)
    with Hook(200).running() as hook:
        variables |= {"DATABASE_URL": postgres_url, "AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal()}

        def texts(*arguments: str) -> list[str]:
            hook.received.clear()
            CliRunner().invoke(cli, ["sync", "--all", *arguments], env=variables)
            return [str(body["text"]) for _, body, _ in hook.received]

        assert texts("--notify") == []
        emulator.faults.add(effects.error(401), account_id=ids["account-01"])
        assert texts() == []
        [begun] = texts("--notify")
        assert begun.startswith("amoCRM load of 'account-01' failed: ")
        assert texts("--notify") == []
        emulator.faults.clear()
        assert texts() == []
        [over] = texts("--notify")
        assert over.startswith("amoCRM load of 'account-01' works again: It had failed since ")
        assert texts("--notify") == []

        emulator.faults.add(effects.error(401))
        [begun] = texts("--notify")
        assert (
            "load of 'fleet' failed: Started failing: account-00, account-01. 2 of 2 accounts were not loaded." in begun
        )
    without = CliRunner().invoke(cli, ["sync", "--notify"], env=variables | {"AMOCRM_ALERT_WEBHOOK_URL": ""})
    assert without.exit_code == SettingsError.exit_code
    assert "Set AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS" in without.stderr


def test_an_alert_that_the_webhook_rejects_is_sent_by_the_next_load(
    tmp_path: Path, postgres_url: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    emulator.faults.add(effects.error(401))
    with Hook(400, 200).running() as hook:
        variables = variables_of(emulator) | {
            "DATABASE_URL": postgres_url,
            "AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal(),
        }
        rejected, accepted, third = (CliRunner().invoke(cli, ["sync", "--notify"], env=variables) for _ in range(3))
        assert "An alert was not sent; the next load tries again." in rejected.stderr
        assert "An alert" not in accepted.stderr + third.stderr
        assert len(hook.received) == 2


def test_customers_are_scanned_and_forgotten_only_where_the_settings_say_so(
    emulator: Emulator, tmp_path: Path, postgres_url: str
) -> None:
    [account_id] = emulator.world.accounts
    customer, *_ = emulator.world.add_customers(account_id, 3)
    variables = variables_of(emulator) | {"DATABASE_URL": postgres_url}
    refused = run("sync", "--customers", folder=tmp_path, **variables)
    assert refused.returncode == SettingsError.exit_code
    assert "Scans of customers are switched off." in refused.stderr
    variables["AMOCRM_CUSTOMERS"] = "daily"
    assert run("sync", folder=tmp_path, **variables).returncode == 0
    assert not [one for one in emulator.requests if one.path == "/api/v4/customers"]
    scanned = run("sync", "--customers", folder=tmp_path, **variables)
    assert (scanned.returncode, "3 customers, 0 gone" in scanned.stdout) == (0, True)
    with Hook(200).running() as hook, emulator.faults.during(effects.error(403), resource="customers"):
        variables["AMOCRM_ALERT_WEBHOOK_URL"] = hook.url.reveal()
        failed = run("sync", "--customers", "--notify", "--json-lines", folder=tmp_path, **variables)
    loaded, scan = map(json.loads, failed.stdout.splitlines())
    assert (failed.returncode, loaded["exit_code"], scan["exit_code"]) == (Forbidden.exit_code, 0, Forbidden.exit_code)
    assert (scan["status"], scan["customers_count"], "answered 403" in scan["message"]) == ("failed", None, True)
    again = json.loads(run("sync", "--customers", "--json", folder=tmp_path, **variables).stdout)
    assert [(one["status"], one["customers_count"], one["error"]) for one in again["scans"]] == [("scanned", 3, None)]
    assert [str(body["text"])[:34] for _, body, _ in hook.received] == ["amoCRM scan of 'main' failed: amoC"]
    forgotten = run("forget", "--customer", str(customer), "--yes", folder=tmp_path, **variables)
    assert forgotten.stdout == f"account 'main': customer {customer} forgotten\n"
