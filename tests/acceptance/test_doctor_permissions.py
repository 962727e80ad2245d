"""``doctor`` on files that others can read or change."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from commands.doctor.check import Check
from commands.doctor.permissions import check_env_file, check_folders, check_secret_files
from pipelines.config.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("mode", "content", "statuses"),
    [
        (0o644, "AMOCRM_HOST=a.amocrm.ru\nAMOCRM_TOKEN=canary\nACME=canary\n", ["warning"]),
        (0o660, "AMOCRM_TOKEN=canary\n", ["ok"]),
        (0o644, "AMOCRM_HOST=a.amocrm.ru\nAMOCRM_TOKEN=\n", []),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="elsewhere files have no such modes")
def test_secrets_that_everybody_can_read(tmp_path: Path, mode: int, content: str, statuses: list[str]) -> None:
    file = tmp_path / "my settings.env"
    file.write_text(content)
    file.chmod(mode)
    checks = list(check_env_file(file))
    assert [check.status for check in checks] == statuses
    for check in checks:
        assert "canary" not in check.finding
        if check.status == "warning":
            assert "read or change AMOCRM_TOKEN, ACME in .env (mode 0644)" in check.finding
            subprocess.run(["sh", "-c", check.advice.removeprefix("Run: ")], check=True)
            assert [check.status for check in check_env_file(file)] == ["ok"]


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """Settings and data that nobody else can get at."""
    (tmp_path / "accounts.toml").write_text(
        '[accounts.acme]\nhost = "acme.amocrm.ru"\ntoken_file = "acme.token"\n'
        '[accounts.beta]\nhost = "beta.amocrm.ru"\nclient_id = "0a1b2c3d-0000-0000-0000-000000000000"\n'
        'redirect_uri = "https://example.com/back"\nclient_secret_file = "secrets/beta"\n'
    )
    (tmp_path / ".env").write_text("AMOCRM_THREADS=2\n")
    for name in (
        *("secrets/beta", "acme.token", "data/tokens/beta.json", "data/postgres/password", "data/dagster/x"),
        "data/customers.key",
    ):
        (tmp_path / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (tmp_path / name).write_text("canary")
        (tmp_path / name).chmod(0o600)
    for folder in (tmp_path, tmp_path / "data"):
        folder.chmod(0o700)
    (tmp_path / "data/reports").mkdir(mode=0o700)
    return load_settings({}, tmp_path)


def openness(settings: Settings) -> list[Check]:
    folder = settings.data_dir.parent
    return [*check_secret_files(settings, folder), *check_folders(settings, folder)]


def test_only_the_owner_can_read_our_files(site: Settings) -> None:
    assert openness(site) == []


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("acme.token", 0o644),
        ("acme.token", 0o602),
        ("secrets/beta", 0o604),
        ("data/tokens/beta.json", 0o644),
        ("data/postgres/password", 0o644),
        ("data/customers.key", 0o644),
        (".", 0o777),
        (".env", 0o666),
        ("accounts.toml", 0o646),
        ("data", 0o755),
        ("data", 0o777),
        ("data/tokens", 0o733),
        ("data/dagster", 0o755),
        ("data/reports", 0o757),
    ],
)
def test_what_is_too_open_is_named_with_the_line_that_mends_it(site: Settings, name: str, mode: int) -> None:
    path = site.data_dir.parent / name
    path.chmod(mode)
    [check] = openness(site)
    assert check.status == "warning"
    assert f"{path} can be" in check.finding
    assert f"{mode:04o}" in check.finding
    subprocess.run(["sh", "-c", check.advice.removeprefix("Run: ")], check=True)
    assert not [found for found in openness(site) if found.finding == check.finding]
