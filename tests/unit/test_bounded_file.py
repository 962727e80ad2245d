"""Only regular files of a bounded size are read."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.write_back import WriteBackConfig
from commands.demo.home import DemoHome
from pipelines.amocrm.token_store import TokenStore
from pipelines.base import bounded_file
from pipelines.base.bounded_file import PLAN_BYTES, SETTINGS_BYTES, read_bytes, read_json, read_text
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import PlanError, SettingsError
from pipelines.config.settings import UnusableAccount, load_settings
from pipelines.load.blocked_hosts import raise_if_blocked
from pipelines.writeback.config_file import parse_desired
from tests.command_line import build_environment, command_line

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pipe(file: Path) -> None:
    os.mkfifo(file)


def device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def too_large(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(20_000_000_000)  # takes no room on the disk


def folder(file: Path) -> None:
    file.mkdir()


UNFIT = [pipe, device, too_large, folder]


def read_account_file(name: str, folder: Path) -> None:
    (folder / "accounts.toml").write_text(
        f'[accounts.acme]\nhost = "acme.amocrm.ru"\n{name}_file = "secret"\n'
        + ("" if name == "token" else 'client_id = "0a1b2c3d-0000"\nredirect_uri = "https://example.com/back"\n')
    )
    [account] = load_settings({}, folder).all_accounts
    assert isinstance(account, UnusableAccount)
    raise account.error


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    ".env": (".env", lambda folder: load_settings({}, folder)),
    "accounts.toml": ("accounts.toml", lambda folder: load_settings({}, folder)),
    "token file": ("secret", lambda folder: read_account_file("token", folder)),
    "client secret file": ("secret", lambda folder: read_account_file("client_secret", folder)),
    "stored tokens": ("main.json", lambda folder: TokenStore(folder / "main.json", SYSTEM_CLOCK).read()),
    "file of a run": ("plan.yaml", lambda folder: WriteBackConfig(file="plan.yaml").contents(folder)),
}


@pytest.mark.parametrize("make", UNFIT)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_a_sensible_size_is_refused_at_once(
    tmp_path: Path, reader: str, make: Callable[[Path], None]
) -> None:
    name, read = READERS[reader]
    make(tmp_path / name)
    began = time.monotonic()
    with pytest.raises(SettingsError, match=name):
        read(tmp_path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("make", UNFIT)
def test_a_note_that_is_no_file_stops_nothing_for_long(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "blocked").mkdir()
    make(tmp_path / "blocked/acme.amocrm.ru")
    make(tmp_path / "demo.json")
    raise_if_blocked(tmp_path, "acme.amocrm.ru", NOW)
    with pytest.raises((OSError, SettingsError)):
        read_json(tmp_path / "demo.json")
    assert DemoHome(tmp_path / "none").config() is None


def test_the_limit_is_exact(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * SETTINGS_BYTES)
    assert len(read_bytes(tmp_path / "file")) == SETTINGS_BYTES
    (tmp_path / "file").write_bytes(b"x" * (SETTINGS_BYTES + 1))
    with pytest.raises(OSError, match="larger than 1,000,000 bytes"):
        read_bytes(tmp_path / "file")


def test_a_pipe_is_read_to_its_end_if_it_is_allowed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("x" * 300_000))
    descriptor = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer.start()
    try:
        assert len(bounded_file.read_descriptor(descriptor, limit=PLAN_BYTES, pipe_allowed=True)) == 300_000
    finally:
        os.close(descriptor)
        writer.join()


def test_a_silent_pipe_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_file, "PIPE_SECONDS", 0.05)
    reader, writer = os.pipe()
    with pytest.raises(TimeoutError, match="Nothing was written"):
        bounded_file.read_descriptor(reader, limit=10, pipe_allowed=True)
    os.close(reader)
    os.close(writer)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("\ufeffтекст", encoding="utf-8")
    (tmp_path / "link").symlink_to("file")
    assert read_text(tmp_path / "link") == "текст"


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{a=" * 50_000, "[" + "a." * 100_000 + "a]"])
def test_deep_nesting_in_settings_is_a_mistake_of_the_user(tmp_path: Path, text: str) -> None:
    (tmp_path / "accounts.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"accounts\.toml"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize("document", ["[" * 200_000, '{"a":' * 100_000])
def test_deep_nesting_in_stored_tokens_counts_as_no_tokens(tmp_path: Path, document: str) -> None:
    (tmp_path / "main.json").write_text(document)
    assert TokenStore(tmp_path / "main.json", SYSTEM_CLOCK).read() is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "[" * 100_000,
        "- " * 100_000,
        "a: " * 10 + "\n",
        "{a: " * 50_000,
        "version: 1\n" + "".join(f"key{number}: x\n" for number in range(20_000)),
        "version: 1\nsegments:\n" + "  - x\n" * 20_000,
        "? " * 50_000,
        "!!python/object/apply:os.system ['x']",
    ],
    ids=["aliases", "lists", "lists in lines", "tables", "tables in braces", "keys", "items", "complex keys", "tags"],
)
def test_a_bomb_in_a_plan_is_a_mistake_that_is_found_soon(text: str) -> None:
    began = time.process_time()
    with pytest.raises(PlanError) as caught:
        parse_desired(text)
    assert time.process_time() - began < 20
    assert len(caught.value.message) < 200_000
    assert len(caught.value.problems) <= 100


@pytest.mark.parametrize("file", ["/dev/zero", "-"])
def test_an_endless_plan_does_not_fill_the_memory(tmp_path: Path, file: str) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))

    with Path("/dev/zero").open("rb") as zeros:
        result = subprocess.run(
            [*command_line("plan"), file],
            cwd=tmp_path,
            env=build_environment(
                DATABASE_URL="postgresql://x@127.0.0.1:1/x", AMOCRM_HOST="a.amocrm.ru", AMOCRM_TOKEN="x"
            ),
            stdin=zeros,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            preexec_fn=limited,
        )
    assert result.returncode == 2
    assert re.fullmatch(r"Error: \S+ cannot be read: It is (a device|larger).*\n", result.stderr)
