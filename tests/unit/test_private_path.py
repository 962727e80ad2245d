"""Our files are private, whatever the umask and planted links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assets.dagster_home import prepare_home
from commands.demo.home import DemoHome
from pipelines.amocrm.slot_store import FileSlotStore
from pipelines.base.atomic_file import replace_file, write_file
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import make_private, open_log, open_private, refuse_planted
from pipelines.load.blocked_hosts import record_block
from tests.other_user import plant_file, plant_link, root_only, shared

UMASKS = [0o000, 0o022, 0o077]


@pytest.fixture(params=UMASKS, ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    usual = os.umask(request.param)
    yield request.param
    os.umask(usual)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that only this user may write, which a planted link leads to."""
    file = tmp_path / "secret"
    file.write_bytes(b"untouched")
    return file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def demo_lock(folder: Path) -> None:
    with DemoHome(folder / "demo" / "segments").exclusive_lock():
        pass


WRITERS: dict[str, Callable[[Path], object]] = {
    "atomic write": lambda folder: replace_file(folder / "a/b/file", b"x"),
    "log": lambda folder: open_log(folder / "a/log").close(),
    "lock": lambda folder: os.close(open_private(folder / "a/lock", os.O_RDWR | os.O_CREAT)),
    "folder": lambda folder: make_private(folder / "a/b/c"),
    "rate limit": lambda folder: FileSlotStore(folder / "a/turns").update(lambda _: 1.0),
    "block": lambda folder: record_block(folder, "acme.amocrm.ru", SYSTEM_CLOCK.now()),
    "demo": demo_lock,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_whatever_the_umask_others_have_no_rights(tmp_path: Path, umask: int, writer: str) -> None:
    WRITERS[writer](tmp_path)
    made = list(tmp_path.rglob("*"))
    assert made, umask
    assert {mode(path) for path in made if path.is_dir()} <= {0o700}
    assert {mode(path) for path in made if path.is_file()} <= {0o600}


@pytest.mark.parametrize("umask", [0o000, 0o077], indirect=True, ids=oct)
def test_the_home_of_dagster_is_private(tmp_path: Path, umask: int) -> None:
    prepare_home(tmp_path / "data/dagster")
    assert mode(tmp_path / "data") == mode(tmp_path / "data/dagster") == 0o700, umask
    assert mode(tmp_path / "data/dagster/dagster.yaml") == 0o600


def test_a_file_that_all_could_read_is_private_once_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o666)
    write_file(tmp_path / "file", b"new")
    assert mode(tmp_path / "file") == 0o600


def test_the_names_of_temporary_files_cannot_be_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    replace = os.replace

    def noted(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        names.append(old)
        replace(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "replace", noted)
    for _ in range(3):
        replace_file(tmp_path / "file", b"x")
    assert len({name.replace(str(os.getpid()), "") for name in names}) == 3
    assert all(len(name) > 20 for name in names)


@root_only
@pytest.mark.parametrize("name", [".report.html.{pid}", "report.html.{pid}.new", "report.html.tmp", ".report.html.tmp"])
def test_links_at_names_of_temporary_files_are_not_followed(tmp_path: Path, secret: Path, name: str) -> None:
    folder = shared(tmp_path / "shared")
    for pid in range(os.getpid() - 50, os.getpid() + 50):
        planted = folder / name.format(pid=pid)
        if not planted.is_symlink():
            plant_link(planted, secret)
    write_file(folder / "report.html", b"new")
    assert secret.read_bytes() == b"untouched"
    assert not (folder / "report.html").is_symlink()


@root_only
def test_a_link_of_another_user_is_refused_and_named(tmp_path: Path, secret: Path) -> None:
    folder = shared(tmp_path / "shared")
    plant_link(folder / "report.html", secret)
    with pytest.raises(SettingsError, match=r"report\.html is a link that another user made, which is not followed"):
        write_file(folder / "report.html", b"new")
    assert secret.read_bytes() == b"untouched"


@root_only
@pytest.mark.parametrize("place", ["link/report.html", "link/deeper/report.html", "own/report.html", "own_file"])
def test_a_link_of_another_user_is_refused_anywhere_on_the_way(tmp_path: Path, secret: Path, place: str) -> None:
    folder = shared(tmp_path / "shared")
    (tmp_path / "target").mkdir()
    plant_link(folder / "link", tmp_path / "target")
    plant_link(folder / "file_link", secret)
    (folder / "own").symlink_to("link")
    (folder / "own_file").symlink_to("file_link")
    with pytest.raises(SettingsError, match="another user made"):
        write_file(folder / place, b"new")
    assert (secret.read_bytes(), list((tmp_path / "target").iterdir())) == (b"untouched", [])


SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - everybody writes there


@root_only
@pytest.mark.parametrize(
    "way", [f"{SHARED_MEMORY}/{{name}}", "/dev/..{there}", "/proc/self/root{there}", "/proc/self/cwd/{name}"]
)
def test_a_link_is_planted_nowhere_below_dev_and_proc(
    tmp_path: Path, secret: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SHARED_MEMORY if "shm" in way else shared(tmp_path / "shared")
    monkeypatch.chdir(folder)
    planted = folder / f"report-{os.getpid()}.html"
    plant_link(planted, secret)
    try:
        with pytest.raises(SettingsError):
            write_file(Path(way.format(name=planted.name, there=planted)), b"new")
    finally:
        planted.unlink()
    assert secret.read_bytes() == b"untouched"


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"])
def test_what_is_open_already_can_be_written_to(name: str) -> None:
    write_file(Path(name), b"\n")


@root_only
@pytest.mark.parametrize("name", ["a/log", "a/lock", "a/turns", "blocked/acme.amocrm.ru", "demo/segments.lock"])
def test_no_log_lock_or_note_is_written_through_a_planted_link(tmp_path: Path, secret: Path, name: str) -> None:
    folder = shared(tmp_path / "shared")
    shared(folder / name.partition("/")[0])
    plant_link(folder / name, secret)
    for writer in ("log", "lock", "rate limit", "block", "demo"):
        with suppress(OSError, SettingsError):
            WRITERS[writer](folder)
    assert secret.read_bytes() == b"untouched"
    assert (folder / name).is_symlink()


@root_only
def test_a_planted_file_is_not_used_as_log_or_lock(tmp_path: Path) -> None:
    folder = shared(tmp_path / "shared")
    plant_file(folder / "log")
    with pytest.raises(OSError, match="belongs to another user"):
        open_log(folder / "log")


def test_a_second_name_of_another_file_is_not_truncated(tmp_path: Path, secret: Path) -> None:
    folder = shared(tmp_path / "shared")
    (folder / "log").hardlink_to(secret)
    with pytest.raises(OSError, match="second name"):
        open_log(folder / "log")
    replace_file(folder / "log", b"new")
    assert secret.read_bytes() == b"untouched"


@root_only
def test_nothing_is_written_into_a_pipe_of_another_user(tmp_path: Path) -> None:
    folder = shared(tmp_path / "shared")
    os.mkfifo(folder / "report.html")
    os.chown(folder / "report.html", 65534, 65534)
    reader = os.open(folder / "report.html", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(SettingsError, match="pipe or a socket of another user"):
            write_file(folder / "report.html", b"new")
        assert os.read(reader, 10) == b""
    finally:
        os.close(reader)


@root_only
def test_root_may_work_in_the_folder_of_another_user(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    plant_file(tmp_path / "theirs/lock", mode=0o600)
    os.chown(tmp_path / "theirs", 65534, 65534)
    os.close(open_private(tmp_path / "theirs/lock", os.O_RDWR | os.O_CREAT))


def test_own_links_are_followed_and_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "real/link").symlink_to("../elsewhere/file")
    write_file(tmp_path / "folder/link", b"new")
    assert (tmp_path / "elsewhere/file").read_bytes() == b"new"
    assert (tmp_path / "real/link").is_symlink()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for file in ("a", "a/file"):
        with pytest.raises(SettingsError, match="Too many levels"):
            write_file(tmp_path / file, b"new")


def test_standard_output_can_be_named(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    write_file(Path(f"/dev/fd/{writer}"), b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    os.close(writer)
    with (tmp_path / "file").open("wb") as output:
        write_file(Path(f"/dev/fd/{output.fileno()}"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "loop", tmp_path / "loop" / "inner"):
        with pytest.raises(OSError, match="leads to itself"):
            refuse_planted(path)
