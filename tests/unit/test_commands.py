"""The command line: help, errors, and pure parts of commands."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

import commands
from commands.cli import COMMANDS, Commands, cli
from commands.demo.home import MODES, DemoHome, SimulationConfig
from commands.demo.options import find_demo, select_demo
from commands.demo.run import load_or_create_simulation, next_steps
from commands.demo.simulated_loads import LOAD_INTERVAL, load_times
from commands.doctor import database
from commands.error_output import Failure
from commands.exit_codes import exit_code_table, insert_exit_codes
from commands.paths import UserPath
from pipelines.base.errors import Forbidden, SettingsError, Superseded
from pipelines.base.settings_folder import CALLER_FOLDER, SETTINGS_DIR
from pipelines.base.sparkline import sparkline
from pipelines.config.settings import VARIABLES

ROOT = Path(__file__).parents[2]
NAMES = [name for section in COMMANDS.values() for name in section]
START = datetime(2026, 3, 29, 5, tzinfo=UTC)


def test_help_lists_every_command_and_imports_none() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert [name for name in NAMES if f"\n  {name} " not in shown] == []
    assert all(purpose in " ".join(shown.split()) for section in COMMANDS.values() for purpose in section.values())


def test_every_module_that_defines_a_command_is_listed() -> None:
    folder = Path(commands.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix in ("", ".py") and not path.name.startswith("__")}
    defining = {name.replace("_", "-") for name in modules if hasattr(import_module(f"commands.{name}"), "command")}
    assert defining == set(NAMES)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"emulator"}))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "--verbose" in result.output


def parameters(command: click.Command) -> list[click.Parameter]:
    """Parameters of a command and of its subcommands."""
    subcommands = command.commands.values() if isinstance(command, click.Group) else ()
    return [*command.params, *(parameter for one in subcommands for parameter in parameters(one))]


def test_paths_start_in_the_callers_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CALLER_FOLDER, str(tmp_path))
    types = [
        parameter.type
        for name in NAMES
        for parameter in parameters(import_module(f"commands.{name.replace('-', '_')}").command)
        if isinstance(parameter.type, click.Path)
    ]
    assert len(types) >= 4
    (tmp_path / "here").touch()
    (tmp_path / "there").mkdir()
    for path_type in types:
        assert isinstance(path_type, UserPath)
        name = "here" if path_type.file_okay else "there"
        assert path_type.convert(name, None, None) == tmp_path / name
        assert path_type.convert(str(tmp_path / name), None, None) == tmp_path / name
        assert not path_type.allow_dash or path_type.convert("-", None, None) == Path("-")


def test_a_next_step_that_is_pasted_later_keeps_the_token_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env.example").write_text("AMOCRM_TOKEN=\n", encoding="utf-8")
    copy = next_steps("segments")[-1][1].rpartition("; ")[0]
    for contents in ("AMOCRM_TOKEN=\n", "AMOCRM_TOKEN=secret\n"):
        subprocess.run(["bash", "-c", copy], check=False)
        assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
        assert (tmp_path / ".env").read_text(encoding="utf-8") == contents
        (tmp_path / ".env").write_text("AMOCRM_TOKEN=secret\n", encoding="utf-8")


DATABASE = {"click", "psycopg", "sqlalchemy"}
LOAD = {*DATABASE, "msgspec", "requests", "simplejson", "urllib3"}
SLOW = LOAD | {"assets", "babel", "dagster", "emulator", "jinja2", "numpy", "pandas", "rich", "yaml"}
IMPORT_BUDGETS = {
    "cli": {"click"},
    "psql": DATABASE,
    "housekeep": {*DATABASE, "msgspec", "simplejson"},
    "show": {*DATABASE, "msgspec", "simplejson"},
    "sync": LOAD,
}
"""Slow packages that a command imports at its start: pandas only for large changes, rich only for progress."""


@pytest.mark.parametrize("name", IMPORT_BUDGETS)
def test_a_command_imports_no_more_than_its_budget(name: str) -> None:
    program = f"import sys, commands.cli, commands.{name}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert SLOW & set(done.stdout.split()) == IMPORT_BUDGETS[name]


def failing(error: BaseException) -> click.Group:
    """The command line with a command that raises ``error``."""

    @click.command()
    def command() -> None:
        raise error

    class OnlyThis(Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002
            return command

    return OnlyThis("program", params=list(cli.params))


def test_our_errors_have_a_message_and_an_exit_code() -> None:
    error = Forbidden("amoCRM answered 403.", account="acme", advice="Ask for rights.", request="GET /x")
    result = CliRunner().invoke(failing(error), ["any"])
    assert result.exit_code == Forbidden.exit_code
    assert result.stderr == "Error: account 'acme': amoCRM answered 403. Ask for rights. (GET /x)\n"
    assert result.stdout == ""


def test_an_unexpected_error_says_how_to_report_it_and_nothing_of_its_text() -> None:
    result = CliRunner().invoke(failing(ValueError("token eyJ0eXAi")), ["any"])
    assert result.exit_code == 70
    assert "ValueError" in result.stderr
    assert "--verbose" in result.stderr
    assert "eyJ0eXAi" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("error", [ValueError("x"), Superseded("x")])
def test_verbose_shows_where_an_error_comes_from(error: Exception) -> None:
    result = CliRunner().invoke(failing(error), ["--verbose", "any"])
    assert "in command" in result.stderr
    assert result.exit_code == Failure(error).exit_code


def test_an_argument_that_is_not_utf_8_is_refused_by_name() -> None:
    result = CliRunner().invoke(cli, ["reader", "--login", "\udcff"])
    assert (result.exit_code, result.output.rpartition("Error: ")[2]) == (
        2,
        "Invalid value for '--login': is not valid UTF-8.\n",
    )


def test_ctrl_c_is_no_error_of_the_program() -> None:
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["any"])
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted.\n")


def test_the_table_of_exit_codes_is_up_to_date() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert exit_code_table() in page
    assert insert_exit_codes(page) == page


@pytest.mark.parametrize(
    ("variable", "is_demo"),
    [("UNRELATED", True), ("AMOCRM_HOST", False), ("DATABASE_URL", False)],
)
def test_without_settings_the_demo_is_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, *, is_demo: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    values = {"AMOCRM_HOST": "example.amocrm.ru", "DATABASE_URL": "postgresql://u@127.0.0.1/x", "UNRELATED": "1"}
    monkeypatch.setenv(variable, values[variable])
    if variable == "AMOCRM_HOST":
        monkeypatch.setenv("AMOCRM_TOKEN", "a-token")
    assert select_demo(None) is None
    with pytest.raises(SettingsError, match="demo --mode periodicity"):
        select_demo("periodicity")
    home = DemoHome.of_mode("segments")
    home.begin(SimulationConfig(seed=1, started_at=START, mode="segments"))
    assert select_demo(None) == (home if is_demo else None)
    assert select_demo("segments") == select_demo("latest") == home
    assert home.config() == SimulationConfig(seed=1, started_at=START, mode="segments")


@pytest.mark.parametrize("arguments", [("sync",), ("forget", "--customer", "1", "--yes"), ("doctor", "--probe")])
def test_a_choice_of_accounts_names_only_options_of_the_command(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``forget`` has --all-customers, so advice to use --all could delete everything."""
    (tmp_path / "accounts.toml").write_text(
        "".join(f'[accounts.{key}]\nhost = "{key}.amocrm.ru"\ntoken_env = "TOKEN"\n' for key in ("one", "two"))
    )
    monkeypatch.setenv(SETTINGS_DIR, str(tmp_path))
    monkeypatch.setenv("TOKEN", "a-token")
    monkeypatch.delenv("AMOCRM_HOST", raising=False)
    shown = CliRunner().invoke(cli, arguments)
    command = import_module(f"commands.{arguments[0]}").command
    options = {option for one in parameters(command) for option in one.opts}
    assert "Several accounts are set." in shown.output
    assert {word.strip(".,:") for word in shown.output.split() if word.startswith("--")} <= options


def test_the_latest_demo_is_the_one_that_was_run_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for mode in MODES:
        DemoHome.of_mode(mode).begin(SimulationConfig(seed=1, started_at=START, mode=mode))
    for mode in (*MODES, MODES[0]):
        for other in MODES:
            os.utime(DemoHome.of_mode(other).folder / "simulation.json", (1, 1))
        home = DemoHome.of_mode(mode)
        load_or_create_simulation(home, is_fresh=False, mode=mode, days=1, seed=None)
        assert find_demo("latest") == home


def test_doctor_leaves_out_the_middle_of_many_pending_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*(f"{number:04}.sql" for number in range(1, 24)), "views")
    cases = {names: "0001.sql, …, 0023.sql, views", names[20:]: "0021.sql, 0022.sql, 0023.sql, views"}
    for pending, shown in cases.items():
        monkeypatch.setattr(database, "list_pending", lambda _, found=pending: found)
        assert database.check_migrations(create_engine("sqlite://")).finding == f"Pending migrations: {shown}."


@given(
    started_ago=st.timedeltas(timedelta(), timedelta(days=5)),
    newest_ago=st.none() | st.timedeltas(timedelta(), timedelta(days=5)),
)
def test_loads_go_on_where_the_history_ends(started_ago: timedelta, newest_ago: timedelta | None) -> None:
    now = START + timedelta(days=6)
    started_at = now - started_ago
    newest = None if newest_ago is None else max(started_at, now - newest_ago)
    whole = load_times(started_at, None, now)
    assert whole == [started_at + number * LOAD_INTERVAL for number in range(len(whole))]
    assert not whole or whole[-1] < now <= whole[-1] + LOAD_INTERVAL
    assert load_times(started_at, newest, now) == [at for at in whole if newest is None or at > newest]


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ([1, 2, 8], "▁▂█"),
        ([None, 3, None, 4, None], " ▁·█ "),
        ([5, 5, 5], "▄▄▄"),
        ([0, -7], "█▁"),
        ([None, None], "  "),
        ([], ""),
    ],
)
def test_a_sparkline_shows_ups_downs_and_gaps(numbers: list[int | None], line: str) -> None:
    assert sparkline(numbers) == line
