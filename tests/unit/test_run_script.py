"""``./run``: a complete list of commands, and an error for others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands.cli import COMMANDS

PROJECT = Path(__file__).parents[2]
RUN_ONLY = {
    "setup",
    "test",
    "check",
    "format",
    "lock",
    "bench",
    "faults",
    "mutate",
    "fuzz",
    "audit",
    "licences",
    "coverage",
    "help",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROJECT / "run", *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_alone_it_lists_every_command_with_what_it_is_for() -> None:
    response = run()
    assert (response.returncode, response.stderr) == (0, "")
    assert "\nEvery day\n" in response.stdout
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", response.stdout, re.MULTILINE))
    assert set(listed) == RUN_ONLY.union(*COMMANDS.values())
    assert run("help").stdout == run("--help").stdout == response.stdout


def test_commands_of_the_program_are_passed_to_it_and_others_are_not() -> None:
    script = (PROJECT / "run").read_text(encoding="utf-8").replace('main "$@"\n', 'is_product_command "$1"\n')
    names = {name for section in COMMANDS.values() for name in section}
    for name in (*names, *RUN_ONLY, "Every", "", "#"):
        done = subprocess.run(["/bin/bash", "-c", script, PROJECT / "run", name], check=False, cwd=PROJECT)
        assert (done.returncode == 0) == (name in names), name


def test_an_unknown_command_is_reported() -> None:
    response = run("dmeo")
    assert (response.returncode, response.stdout) == (2, "")
    assert "no command 'dmeo'" in response.stderr


@pytest.mark.skipif(
    not (PROJECT / ".venv/requirements.lock.state").exists(), reason="./run did not create the environment"
)
def test_paths_start_in_the_callers_folder(tmp_path: Path) -> None:
    command = [str(PROJECT / "run"), "plan", "missing.yaml"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == 2
    assert f"'{tmp_path / 'missing.yaml'}' does not exist" in told.stderr


def test_both_scripts_can_be_run() -> None:
    for script in (PROJECT / "run", PROJECT / ".ci" / "run"):
        assert os.access(script, os.X_OK)
        subprocess.run(["/bin/bash", "-n", script], check=True)


@pytest.fixture
def clone() -> Iterator[Path]:
    """Copy the files that ``run`` needs into a folder that other users can enter."""
    folder = Path(tempfile.mkdtemp(prefix="amocrm-warehouse-clone-"))
    folder.chmod(0o755)
    for name in ("run", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder / name)
        (folder / name).chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def set_up(clone: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """``./run setup`` there without any Python that fits: nothing is installed."""
    bin_folder = clone / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        (bin_folder / name).symlink_to(shutil.which("false") or "/bin/false")
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": "/nonexistent"}
    return subprocess.run(
        [*before, "bash", str(clone / "run"), "setup"], capture_output=True, text=True, check=False, env=environment
    )


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can run something as another user"
)


@needs_root
def test_a_clone_of_another_owner_is_named_in_one_sentence(clone: Path) -> None:
    for name in range(1_000):
        (clone / f".venv/lib/{name}").mkdir(parents=True)
    response = set_up(clone, *AS_NOBODY)
    assert response.returncode == 1
    assert len(response.stderr.splitlines()) == 1
    assert f"{clone} belongs to the user 'root'" in response.stderr
    assert "git clone" in response.stderr
    assert (clone / ".venv/lib/999").exists()


@needs_root
def test_an_environment_that_root_left_is_named_in_one_sentence(clone: Path) -> None:
    for name in range(1_000):
        (clone / f".venv/lib/{name}").mkdir(parents=True)
    os.chown(clone, 65534, 65534)
    os.chown(clone / ".venv", 65534, 65534)
    response = set_up(clone, *AS_NOBODY)
    assert response.returncode == 1
    assert len(response.stderr.splitlines()) == 1
    assert ".venv/lib belongs to the user 'root'" in response.stderr


@needs_root
def test_root_is_warned_in_a_clone_of_another_owner(clone: Path) -> None:
    os.chown(clone, 65534, 65534)
    assert f"{clone} belongs to the user 'nobody'" in set_up(clone).stderr


@needs_root
def test_a_clone_that_its_owner_cannot_write_to_is_named(clone: Path) -> None:
    os.chown(clone, 65534, 65534)
    (clone / "bin").mkdir()
    clone.chmod(0o555)
    response = set_up(clone, *AS_NOBODY)
    assert response.returncode == 1
    assert response.stderr == (
        f"{clone} is not writable, so the environment cannot be created. Make it writable, or clone the project to "
        "another folder.\n"
    )


@pytest.mark.parametrize(
    ("make", "what"), [(Path.touch, "is not a folder"), (lambda path: path.symlink_to("x"), "is a link")]
)
def test_what_stands_in_the_place_of_the_environment_is_named(
    clone: Path, make: Callable[[Path], None], what: str
) -> None:
    make(clone / ".venv")
    response = set_up(clone)
    assert response.returncode == 1
    assert len(response.stderr.splitlines()) == 1
    assert f"{clone}/.venv {what}" in response.stderr
    assert f"rm '{clone}/.venv'" in response.stderr


def test_others_cannot_write_what_the_script_makes() -> None:
    assert re.search(r"^umask go-w$", (PROJECT / "run").read_text(), re.MULTILINE)
