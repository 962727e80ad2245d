"""Hook of the wheel's build: puts our top-level packages into one, ``amocrm_warehouse``.

In the repository they are ``assets``, ``commands``, ``emulator``, ``pipelines`` and ``sql``. Installed under these
names they would hide a user's own ``assets`` or ``pipelines`` (docs/decisions/0026). An editable installation keeps
the names of the repository.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WHEEL_PACKAGE: Final = "amocrm_warehouse"
OUR_PACKAGES: Final = ("assets", "commands", "emulator", "pipelines", "sql")
DATA: Final = (".env.example", "accounts.example.toml", "docs")
"""Files that commands read beside the packages: examples for ``init``, dashboards; and the documentation."""


class NestedPackages(BuildHookInterface[Any]):
    """Copies the packages with their imports renamed, and renames the entry points."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the copies to the wheel, unless it is an editable one."""
        if version == "editable":
            return
        self.copies = Path(mkdtemp())
        root = Path(self.root)
        (self.copies / "__init__.py").write_text(f'"""{self.metadata.core.description}"""\n', encoding="utf-8")
        for name in OUR_PACKAGES:
            shutil.copytree(root / name, self.copies / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in self.copies.rglob("*.py"):
            file.write_text(rename_imports(file.read_text(encoding="utf-8")), encoding="utf-8")
        build_data["force_include"][str(self.copies)] = WHEEL_PACKAGE
        for name in DATA:
            if (root / name).exists():  # an image is built without the documentation
                build_data["force_include"][str(root / name)] = f"{WHEEL_PACKAGE}/{name}"
        for entry_points in (self.metadata.core.scripts, *self.metadata.core.entry_points.values()):
            entry_points.update({name: f"{WHEEL_PACKAGE}.{target}" for name, target in entry_points.items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the copies."""
        if version != "editable":
            shutil.rmtree(self.copies)


def rename_imports(source: str) -> str:
    """Return the source with every import of our packages from ``amocrm_warehouse``; other lines stay as they are."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            _rename(lines, node, f"from {node.module}", f"from {WHEEL_PACKAGE}.{node.module}")
        elif isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names):
            _rename(lines, node, "import ", f"from {WHEEL_PACKAGE} import ")
    return "".join(lines)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OUR_PACKAGES


def _rename(lines: list[str], node: ast.stmt, old: str, new: str) -> None:
    """Replace the first words of a statement. Raises ``ValueError`` for forms that the code does not have."""
    line, start = lines[node.lineno - 1], node.col_offset
    if not line.startswith(old, start) or (isinstance(node, ast.Import) and "." in line):
        raise ValueError(f"the build cannot rename this import: {line.strip()}")
    lines[node.lineno - 1] = line[:start] + new + line[start + len(old) :]
