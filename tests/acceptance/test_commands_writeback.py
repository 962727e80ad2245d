"""plan, apply, export and restore: exit codes, text and JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from commands.cli import cli
from emulator import Emulator
from pipelines.base.errors import Forbidden, PlanError, SettingsError
from tests.command_line import ROOT, build_environment, command_line, run
from tests.conftest import shared_temporary_folder

RunCommand = Callable[..., Result]


@pytest.fixture
def account_id(emulator: Emulator) -> int:
    account_id = emulator.world.add_account("Corner Coffee")
    field_id = emulator.world.add_field(account_id, "Note", "text")
    vip = emulator.world.add_segment(account_id, "VIP", size=10, color="ae003f")
    emulator.world.set_field_value(account_id, vip, field_id, "by the sea")
    return account_id


@pytest.fixture
def variables(emulator: Emulator, account_id: int, postgres_url: str) -> dict[str, str]:
    """The settings of somebody who has this account and a migrated database."""
    token = emulator.long_lived_token(account_id)
    return {
        "DATABASE_URL": postgres_url,
        "AMOCRM_HOST": emulator.host,
        "AMOCRM_TOKEN": token,
    }


@pytest.fixture
def run_command(
    variables: dict[str, str], emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunCommand:
    """Runs a command on the account, in this process, where nobody is at a terminal."""
    monkeypatch.chdir(tmp_path)

    def run_ours(*arguments: str, **others: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=variables | others)

    return run_ours


def live(emulator: Emulator, account_id: int) -> list[str]:
    return sorted(segment.name for segment in emulator.world.account(account_id).live_segments())


def test_a_file_from_export_to_an_empty_plan(
    run_command: RunCommand, emulator: Emulator, account_id: int, tmp_path: Path
) -> None:
    exported = run_command("export", "all.yaml")
    assert (exported.exit_code, exported.stdout) == (0, "")
    assert run_command("export", "all.yaml").exit_code == SettingsError.exit_code, "it is there already"
    file = tmp_path / "all.yaml"
    with file.open() as reader:
        assert run_command("export", "all.yaml", "--force").exit_code == 0
        assert reader.read() == file.read_text(), "whoever reads it meanwhile has it whole"
    assert run_command("export", "made/all.yaml").exit_code == 0
    refused = run_command("export", "all.yaml/beside.yaml")
    assert refused.exit_code == SettingsError.exit_code
    assert "all.yaml/beside.yaml cannot be written: " in refused.stderr
    assert "nothing to do" in run_command("plan", "all.yaml").stdout

    file.write_text(file.read_text(encoding="utf-8").replace("by the sea", "in the hills") + "  - name: Gold\n")
    planned = run_command("plan", "all.yaml")
    assert planned.exit_code == 0
    assert "field Note: by the sea -> in the hills" in planned.stdout
    assert json.loads(run_command("plan", "all.yaml", "--json").stdout)["calls"][1]["body"] == {"name": "Gold"}

    unasked = run_command("apply", "all.yaml")
    assert unasked.exit_code == SettingsError.exit_code
    assert "--yes" in unasked.stderr
    assert live(emulator, account_id) == ["VIP"]

    applied = run_command("apply", "all.yaml", "--yes", "--as", "ann", "--reason", "spring")
    assert (applied.exit_code, applied.stderr) == (0, "")
    assert "2 calls done" in applied.stdout
    assert live(emulator, account_id) == ["Gold", "VIP"]
    assert json.loads(run_command("apply", "all.yaml", "--json", "--yes").stdout)["is_empty"]


def test_all_errors_are_reported_and_nothing_is_sent(
    run_command: RunCommand, emulator: Emulator, account_id: int
) -> None:
    Path("bad.yaml").write_text("version: 1\nsegments:\n- {name: A, color: 123456}\n- {id: 7, name: B}\n")
    Path("odd.yaml").write_bytes(b"\xff\xfe\x00")
    for words in (("plan",), ("apply", "--yes")):
        refused = run_command(*words, "bad.yaml")
        assert refused.exit_code == PlanError.exit_code
        assert "line 3" in refused.stderr
        assert "line 4" in refused.stderr
        assert "UTF-8" in run_command(*words, "odd.yaml").stderr
    assert live(emulator, account_id) == ["VIP"]


def test_missing_write_permission_is_reported(
    run_command: RunCommand, emulator: Emulator, account_id: int, engine: Engine
) -> None:
    token = emulator.long_lived_token(account_id, is_admin=False)
    refused = run_command("segments", "add", "--name", "Gold", "--yes", "--json", AMOCRM_TOKEN=token)
    assert refused.exit_code == Forbidden.exit_code
    assert json.loads(refused.stdout)["applied"]["exit_code"] == Forbidden.exit_code
    assert "administrator" in refused.stderr
    assert token not in refused.output
    with engine.connect() as connection:
        assert connection.execute(text("select outcome from amocrm.write_back")).all() == [("refused",)]


def test_single_steps_from_adding_to_restoring(run_command: RunCommand, emulator: Emulator, account_id: int) -> None:
    added = run_command(
        "segments", "add", "--name", "Gold", "--field", "Note=new", "--color", "#10599d", "--yes", "--json"
    )
    [segment_id] = map(str, json.loads(added.stdout)["applied"]["calls"][0]["added_ids"])
    assert "already" in run_command("segments", "add", "--name", "Gold", "--yes").stderr
    assert "name: Gold" in run_command("segments", "get", segment_id).stdout
    shown = json.loads(run_command("segments", "get", segment_id, "--json").stdout)
    assert (shown["color"], shown["fields"]) == ("10599d", {"Note": "new"})
    assert run_command("segments", "get", "7").exit_code == SettingsError.exit_code

    assert run_command("segments", "update", segment_id, "--yes").exit_code == 2
    assert (
        run_command("segments", "update", segment_id, "--name", "Golden", "--field", "Note=null", "--yes").exit_code
        == 0
    )
    listed = json.loads(run_command("segments", "list", "--json").stdout)["segments"]
    assert {one["name"]: one["fields"] for one in listed} == {"VIP": {"Note": "by the sea"}, "Golden": {}}

    assert run_command("segments", "delete", segment_id, "--yes").exit_code == 0
    again = run_command("segments", "delete", segment_id, "--yes")
    assert (again.exit_code, "nothing to delete" in again.stdout) == (0, True)
    restored = run_command("restore", "--segment", segment_id, "--yes")
    assert (restored.exit_code, restored.stderr) == (0, "")
    assert "new id" in restored.stdout.partition("call done")[0], "what does not come back is said first"
    assert live(emulator, account_id) == ["Golden", "VIP"]
    assert "no stages" in run_command("stages", "list").stderr


def test_stages_step_by_step(run_command: RunCommand, emulator: Emulator, account_id: int) -> None:
    emulator.world.switch_mode(account_id, "periodicity")
    added = run_command("stages", "add", "--name", "Waiting", "--sort", "15", "--color", "#d6eaff", "--yes", "--json")
    [stage_id] = map(str, json.loads(added.stdout)["applied"]["calls"][0]["added_ids"])
    assert run_command("stages", "update", stage_id, "--sort", "16", "--yes").exit_code == 0
    stages: list[Any] = json.loads(run_command("stages", "list", "--json").stdout)["stages"]
    assert [(one["name"], one["sort"]) for one in stages if not one["is_default"]] == [("Waiting", 16)]
    system = next(str(one["id"]) for one in stages if one["is_default"])
    refused = run_command("stages", "delete", system, "--yes")
    assert (refused.exit_code, "system stage" in refused.stderr) == (PlanError.exit_code, True)
    assert run_command("stages", "delete", stage_id, "--yes").exit_code == 0
    assert run_command("restore", "--stage", stage_id, "--yes").exit_code == 0
    assert "Waiting" in run_command("stages", "list").stdout


def test_the_past_as_a_whole(run_command: RunCommand, emulator: Emulator, account_id: int) -> None:
    assert run_command("sync").exit_code == 0
    [vip] = [one.id for one in emulator.world.account(account_id).live_segments()]
    now = datetime.now(UTC).isoformat()
    emulator.world.rename_segment(account_id, vip, "Spoilt")
    assert run_command("restore").exit_code == 2, "it is not said when"
    assert "no snapshot" in run_command("restore", "--as-of", "2020-01-01").stderr
    assert run_command("restore", "--as-of", now, "--yes").exit_code == 0
    assert live(emulator, account_id) == ["VIP"]


def test_an_account_that_does_not_answer_any_more_can_still_be_exported(
    run_command: RunCommand, emulator: Emulator
) -> None:
    assert "no history yet" in run_command("export", "--as-of", "2999-01-01").stderr
    assert run_command("sync").exit_code == 0
    emulator.stop()
    exported = run_command("export", "--as-of", "2999-01-01", "--without-ids", AMOCRM_HOST="", AMOCRM_TOKEN="")
    assert (exported.exit_code, exported.stderr) == (0, "")
    assert "Note: by the sea" in exported.stdout
    assert "id:" not in exported.stdout


@pytest.mark.parametrize(("response", "exit_code", "names"), [("y", 0, ["Gold", "VIP"]), ("n", 1, ["VIP"])])
def test_a_terminal_session_asks_for_confirmation(
    variables: dict[str, str],
    emulator: Emulator,
    account_id: int,
    tmp_path: Path,
    response: str,
    exit_code: int,
    names: list[str],
) -> None:
    terminal, keyboard = pty.openpty()
    os.write(terminal, f"{response}\n".encode())
    asked = subprocess.run(
        command_line("segments", "add", "--name", "Gold"),
        cwd=tmp_path,
        env=build_environment(**variables),
        stdin=keyboard,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(keyboard)
    os.close(terminal)
    assert asked.returncode == exit_code, asked.stderr
    assert "Make these changes in amoCRM? [y/N]" in asked.stdout
    assert ("Nothing was sent." in asked.stdout) == (response == "n")
    assert live(emulator, account_id) == names


def readme_lines() -> list[str]:
    """The lines of the README's section, as they stand there."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Put back a segment that somebody deleted")[2].partition("\n## ")[0]
    return re.findall(r"^    (\./run .*)$", section, re.MULTILINE)


def test_every_line_of_the_readme_works_on_the_demos_data() -> None:
    with shared_temporary_folder() as folder:
        assert run("demo", "--days", "1", folder=folder).returncode == 0
        said = {}
        for line in readme_lines():
            result = run(*shlex.split(line, comments=True)[1:], folder=folder)
            assert result.returncode == 0, f"{line}\n{result.stderr}"
            said[line] = result.stdout
    printed = list(said.values())
    assert len(printed) == 8
    assert "184211" in printed[1]
    assert re.search(r"\| added\n.*184211 .*\| deleted\n", printed[3])
    assert re.search(r"184211 .*\| +\| +(\d+) \|.*\n +\1 .*\| +184211 \|", printed[4])
    assert printed[5].count("| done") == 2
    assert "A slip of the hand" in printed[5]
    assert "nothing to do" in printed[7]
