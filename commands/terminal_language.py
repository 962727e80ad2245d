"""Language of a terminal's output."""

from __future__ import annotations

import os
from contextlib import suppress

from pipelines.base.errors import SettingsError
from pipelines.base.language import ENGLISH, Language, load_language
from pipelines.config.parsing import parse_language


def terminal_language(setting: str | None = None) -> Language:
    """Return the language of the setting, of AMOCRM_LANGUAGE, or of the system's locale; English if it is unknown."""
    names = ("AMOCRM_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    wanted = setting or next((os.environ[name] for name in names if os.environ.get(name)), "")
    with suppress(SettingsError):
        return load_language(parse_language(wanted.partition("_")[0].partition(".")[0]))
    return ENGLISH
