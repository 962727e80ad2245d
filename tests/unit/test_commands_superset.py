"""``superset`` without Superset: its environment and its chart checks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from commands.superset import superset_environment, superset_folder
from commands.superset.chart_check import build_query
from commands.superset.environment import find_python, prepare_environment
from pipelines.base.errors import SettingsError

READER = make_url("postgresql+psycopg://reader:p%40ss@db.example.com:5433/warehouse?sslmode=require")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where nothing was ever run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_superset_knows_the_database_and_none_of_our_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMOCRM_TOKEN", "a token")
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@db.example.com/warehouse")
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("TOKEN_OF_ACME", "token by any name")  # as accounts.toml may call it
    given = superset_environment(here, here, 8088, "made up", READER)
    assert (
        given["AMOCRM_SUPERSET_DATABASE"]
        == "postgresql+psycopg2://reader:p%40ss@db.example.com:5433/warehouse?sslmode=require"
    )
    assert not {"AMOCRM_TOKEN", "DATABASE_URL"} & given.keys()
    assert not {"a token", "secret", "token by any name"} & set(given.values())


def test_its_secret_key_is_made_once_and_for_nobody_else(here: Path) -> None:
    folder = superset_folder(None)
    key = (folder / "secret_key").read_text(encoding="ascii")
    assert folder == here / "data" / "superset"
    assert len(key) == 64
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "secret_key")] == ["0o700", "0o600"]
    assert (superset_folder(None) / "secret_key").read_text(encoding="ascii") == key


def test_an_environment_that_is_as_the_lock_says_is_left_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, environment = here / "requirements.lock", here / "environment"
    lock.write_text("one==1 --hash=sha256:00", encoding="utf-8")
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    (here / "environment.lock").write_text(f"{environment} {digest}", encoding="utf-8")
    assert prepare_environment(here, lock) == python
    lock.write_text("one==2 --hash=sha256:00", encoding="utf-8")
    monkeypatch.setenv("PATH", str(here))
    monkeypatch.setattr("sys.executable", str(here / "none"))
    monkeypatch.delenv("PYTHON", raising=False)
    with pytest.raises(SettingsError, match=r"3\.11 or 3\.12"):
        prepare_environment(here, lock)
    assert python.exists(), "nothing is deleted before a Python is found"


def test_a_python_that_the_user_names_comes_first(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = here / "python"
    named.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
    named.chmod(0o755)
    monkeypatch.setenv("PYTHON", str(named))
    assert find_python() == str(named)


def test_the_check_asks_what_a_page_asks() -> None:
    raw = {"query_mode": "raw", "all_columns": ["a", "b"], "order_by_cols": [json.dumps(["a", False])], "row_limit": 9}
    assert build_query(raw) == {"columns": ["a", "b"], "metrics": None, "orderby": [["a", False]], "row_limit": 9}
    line = {"x_axis": "day", "groupby": ["name"], "metrics": ["size"], "row_limit": 9}
    assert build_query(line)["columns"] == ["day", "name"]
    assert build_query({"metric": "loads"}) == {"columns": [], "metrics": ["loads"], "orderby": [], "row_limit": 1}
