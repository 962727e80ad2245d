"""Settings and folders of data that another user put where this program looks for them are not used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from commands.current_settings import dagster_home, load_current_settings
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import make_private, refuse_planted
from tests.command_line import run
from tests.other_user import nobody, plant_file, plant_link, root_only, shared

EVIL = b"run_launcher:\n  module: evil\n  class: Evil\n"


def plant_folder(folder: Path) -> Path:
    """Make a folder that belongs to the second user."""
    folder.mkdir(mode=0o755)
    os.chown(folder, *nobody())
    return folder


@root_only
@pytest.mark.parametrize("arguments", [("migrate",), ("sync",), ("dev",), ("demo",), ("psql",), ("report",)])
def test_no_command_works_in_a_folder_that_another_user_planted(arguments: tuple[str, ...], tmp_path: Path) -> None:
    data = plant_folder(shared(tmp_path / "shared") / "data")
    plant_folder(data / "dagster")
    plant_file(data / "dagster" / "dagster.yaml", EVIL)
    done = run(*arguments, folder=tmp_path, AMOCRM_DATA_DIR=str(data), DATABASE_URL="")
    assert done.returncode != 0
    assert "belongs to another user" in done.stderr
    assert {path.name for path in data.iterdir()} == {"dagster"}


@root_only
@pytest.mark.parametrize("name", [".env", "accounts.toml"])
def test_settings_of_another_user_are_not_read_in_a_shared_folder(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared(tmp_path / "shared")
    plant_file(folder / name, b"AMOCRM_PG_BIN=/tmp/evil\n", mode=0o644)
    monkeypatch.chdir(folder)
    with pytest.raises(SettingsError, match=f"{name} is not used: .* belongs to another user"):
        load_current_settings()


@root_only
def test_a_home_of_dagster_that_was_planted_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = plant_folder(shared(tmp_path / "shared") / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with pytest.raises(SettingsError, match="belongs to another user"):
        dagster_home(load_current_settings())


@root_only
def test_neither_a_folder_above_nor_a_link_to_it_may_be_planted(tmp_path: Path) -> None:
    planted = plant_folder(shared(tmp_path / "shared") / "planted")
    (planted / "ours").mkdir()
    (tmp_path / "own").symlink_to(planted)
    plant_link(tmp_path / "shared" / "link", tmp_path)
    for path in (planted / "ours" / "new", tmp_path / "own" / "ours", tmp_path / "shared" / "link" / "data"):
        with pytest.raises(OSError, match="another user"):
            make_private(path)


@root_only
def test_root_may_work_in_the_folder_of_another_user_whose_group_may_write(tmp_path: Path) -> None:
    clone = plant_folder(tmp_path / "clone")
    clone.chmod(0o775)
    refuse_planted(plant_folder(clone / "data"))


def test_what_is_missing_and_what_is_ours_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    assert stat.S_IMODE(make_private(folder / "data").stat().st_mode) == 0o700
    refuse_planted(folder / "data" / "missing" / "deeper")
