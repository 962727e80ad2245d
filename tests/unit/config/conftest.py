"""Variables of one account, and files of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipelines.base.errors import SettingsError
from pipelines.config.settings import (
    load_settings,
)

ONE = {"AMOCRM_HOST": "example.amocrm.ru", "AMOCRM_TOKEN": "canary-token"}
BY_OAUTH = {
    "AMOCRM_HOST": "example.amocrm.ru",
    "AMOCRM_CLIENT_ID": "0a1b-2c3d",
    "AMOCRM_CLIENT_SECRET": "canary-secret",
    "AMOCRM_REDIRECT_URI": "http://127.0.0.1:8912/",
}

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    return file


def problems(environ: Mapping[str, str], root: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, root)
    return str(caught.value)
