"""The wheel, unpacked into a folder of its own: one package, beside a user's own packages of our names."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from emulator import Emulator
from hatch_build import OUR_PACKAGES, WHEEL_PACKAGE, rename_imports
from tests.command_line import ROOT, build_environment

LOADS_DEFINITIONS = """
import assets
import amocrm_warehouse.assets.component
from amocrm_warehouse.assets.definitions import build_definitions
assert assets.IS_THEIRS
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*build, ROOT], check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's folder, with packages of our names."""
    for name in OUR_PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("IS_THEIRS = True\n")
    (tmp_path / "workspace.yaml").write_text("load_from: [{python_module: assets}]\n")
    return tmp_path


def python(unpacked: Path, project: Path, *arguments: str, **variables: str) -> str:
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=build_environment(**variables) | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def program(unpacked: Path, project: Path, *arguments: str, **variables: str) -> str:
    return python(unpacked, project, "-m", f"{WHEEL_PACKAGE}.commands", *arguments, **variables)


def test_it_holds_one_package_with_the_dashboards_the_documentation_and_the_examples(unpacked: Path) -> None:
    [information] = unpacked.glob("*.dist-info")
    assert {path.name for path in unpacked.iterdir()} == {WHEEL_PACKAGE, information.name}
    package = unpacked / WHEEL_PACKAGE
    for name in ("docs/operations.md", "docs/dashboards/superset", ".env.example", "accounts.example.toml"):
        assert (package / name).exists(), name
    entry_points = ConfigParser()
    entry_points.read(information / "entry_points.txt")
    for section in entry_points.sections():
        assert all(target.startswith(f"{WHEEL_PACKAGE}.") for target in entry_points[section].values())


def test_it_loads_an_account_beside_packages_of_the_same_names(
    unpacked: Path, project: Path, emulator: Emulator, postgres_url: str
) -> None:
    account = emulator.world.add_account("Corner Coffee")
    settings = {"AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": emulator.long_lived_token(account)}
    told = program(unpacked, project, "sync", DATABASE_URL=postgres_url, **settings)
    assert "0 segments" in told
    python(unpacked, project, "-c", LOADS_DEFINITIONS, DATABASE_URL=postgres_url, **settings)


def test_init_writes_settings_and_keeps_what_exists(unpacked: Path, project: Path) -> None:
    told = program(unpacked, project, "init")
    assert "amocrm-warehouse doctor" in told
    assert "workspace.yaml exists and was kept" in told
    assert (project / ".env").stat().st_mode & 0o077 == 0
    (project / ".env").write_text("AMOCRM_HOST=mine.amocrm.ru\n")
    program(unpacked, project, "init")
    assert (project / ".env").read_text() == "AMOCRM_HOST=mine.amocrm.ru\n"
    program(unpacked, project, "init", "new")
    assert f"module_name: {WHEEL_PACKAGE}.assets.definitions" in (project / "new/workspace.yaml").read_text()


def test_only_imports_of_our_packages_are_renamed() -> None:
    source = "import sql\nimport sqlalchemy\nif True:\n    from pipelines.base import text\nfrom . import sql\nsql.x\n"
    renamed = rename_imports(source)
    assert renamed.splitlines() == [
        "from amocrm_warehouse import sql",
        "import sqlalchemy",
        "if True:",
        "    from amocrm_warehouse.pipelines.base import text",
        "from . import sql",
        "sql.x",
    ]
    with pytest.raises(ValueError, match="cannot rename"):
        rename_imports("import pipelines.base\n")
