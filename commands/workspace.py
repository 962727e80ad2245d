"""``workspace.yaml``, from which Dagster loads our code."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import assets
from pipelines.base.atomic_file import write_file

WORKSPACE: Final = "workspace.yaml"
CODE_MODULE: Final = f"{assets.__name__}.definitions"
WORKSPACE_TEXT: Final = f"""\
# Dagster's code location. Start it with './run dev'.
load_from:
  - python_module:
      module_name: {CODE_MODULE}
      location_name: amocrm
"""
"""Contents of the file: a clone has it, ``init`` writes it. The wheel's module has another name."""


def find_workspace_file(dagster_folder: Path) -> Path:
    """Return the current folder's file if it loads our code; otherwise write one.

    A folder of another Dagster project has a file of that name too.
    """
    file = Path(WORKSPACE).absolute()
    with suppress(OSError, UnicodeDecodeError):
        if CODE_MODULE in file.read_text(encoding="utf-8"):
            return file
    file = dagster_folder / WORKSPACE
    write_file(file, WORKSPACE_TEXT.encode())
    return file
