"""Commands in messages are written as the user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.base.errors import MigrationError
from pipelines.base.program import program_name


@pytest.mark.parametrize(
    ("files", "program"),
    [(["run", "workspace.yaml"], "./run"), (["run"], "amocrm-warehouse"), ([], "amocrm-warehouse")],
)
def test_what_a_message_says_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], program: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert program_name() == "amocrm-warehouse"
    monkeypatch.setenv("AMOCRM_SETTINGS_DIR", str(tmp_path))
    assert program_name() == program, "Dagster works elsewhere"
    monkeypatch.delenv("AMOCRM_SETTINGS_DIR")
    monkeypatch.chdir(tmp_path)
    assert program_name() == program
    assert MigrationError("It is old.").advice == f"Run '{program} migrate'."
    assert (
        MigrationError("It is old.", advice="Run './run x' or './run y'.").advice
        == f"Run '{program} x' or '{program} y'."
    )
