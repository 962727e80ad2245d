"""Escape quoted text so that it stays text in Slack, Mattermost, Telegram, Discord, Markdown and HTML.

Every message passes through ``inert_payload``. Some of these formats escape with a backslash, and
others show it. So an active character is replaced by a lookalike, or separated from its context by
a zero-width space; only ``& < >`` become entities, as Slack documents. A relay to Telegram's
MarkdownV2 must also escape ``.``, ``-`` and the like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pipelines.base.text import visible_character

LONGEST: Final = 8_000
"""Characters of one text of a message; Mattermost takes 16,383."""

APART: Final = "\u200b"

MACHINE_NAMES: Final = frozenset(
    ("account", "error", "run_id", "kind", "id", "observed_at", "direction", "date", "link")
)
"""Fields for programs, which stay exact if their value matches ``_MACHINE_TEXT`` or ``_LINK``."""

_MACHINE_TEXT: Final = re.compile(r"\*|(?:[\w:+?, -]|\.(?=\d)){0,500}", re.ASCII)
_LINK: Final = re.compile(r"https?://[\w.:/%~\[\]-]{1,300}/runs/[0-9A-Za-z-]{1,64}", re.ASCII)

_ACTIVE: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": f"@{APART}",
        "＠": f"＠{APART}",
        "*": "∗",
        "`": "ˋ",
        "~": "∼",
        "|": "∣",
        "#": "＃",
        "[": "［",
        "]": "］",
    }
)

_UNDERSCORE: Final = re.compile(r"(--account [a-z0-9][a-z0-9_-]{0,62}(?!\S))|(?<![^\W_])_|_(?![^\W_])")
"""Underscore that may start or end emphasis; within a word, such as AMOCRM_HOST, it cannot. An account's key in a
command is copied and pasted, so it stays."""

_SCHEME: Final = re.compile(r"(?<=[^\W_]):(?=[^\s\d])|:(?=//)")
_DOMAIN: Final = re.compile(r"(?<=[^\s'\"(/,;])([.。．｡․﹒])(?=[^\W\d_])(?!\w*_\w)")
"""Dot that may be part of a host name. Names of our tables, which contain underscores, are not
changed."""

PAGES: Final = (
    "architecture",
    "dashboards",
    "data-dictionary",
    "deployment",
    "emulator",
    "operations",
    "queries",
    "scaling",
)
"""Pages of ``docs``. ``.md`` is also a country's domain, so no other name with it passes."""

_FILE: Final = re.compile(
    rf"(?<![\w.。．｡@＠-])(?:docs/(?:{'|'.join(PAGES)})\.md"
    r"|(?!www\.)[a-z0-9_-]{1,64}\.(?:toml|env|log|conf|yaml|json|csv|parquet|lock|dump|sql|html))"
    r"(?![\w/@＠-]|[.。．｡]\w)"
)
"""File name to copy from our advice. No top-level domain has these endings, so no chat links it."""

_COMMAND: Final = re.compile(r"(?<![\w/])(?<!\.(?=/run\b))/(?=\w+(?![\w/]))")
"""Command of a Telegram bot, such as /start, which Telegram shows as a link, in quotes and brackets
too. A path has more parts."""

_RULE: Final = re.compile(r"^(?=[-+_ \t]{2,}+$|[ \t]*+(?:=++[ \t]*+$|&gt;))", re.MULTILINE)
"""Line that turns the line above it into a heading, or is itself a ruler or a quotation. Without backtracking, which
would take half an hour for a name of 8,000 spaces."""


def inert(text: str, longest: int = LONGEST) -> str:
    """Escape mentions, links, pictures and markup in a text, and truncate it."""
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    visible = (character if character == "\n" else visible_character(character) for character in text)
    text = "".join(visible).translate(_ACTIVE)
    text = _UNDERSCORE.sub(lambda match: match[1] or "＿", text)
    text = _SCHEME.sub(f":{APART}", text)
    text = _outside_of_files(text)
    text = _COMMAND.sub(f"/{APART}", text)
    return _RULE.sub(APART, text)


def _outside_of_files(text: str) -> str:
    """Part the names of hosts, and leave those of files as they are."""
    names = [*_FILE.findall(text), ""]
    parts = (_DOMAIN.sub(rf"\1{APART}", part) for part in _FILE.split(text))
    return "".join(part + name for part, name in zip(parts, names, strict=True))


def indented(text: str) -> str:
    """Indent the lines after the first, so that no line of a quoted text looks like one of ours."""
    return "\n  ".join(text.split("\n"))


def inert_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Escape every text in a message's JSON. Keys are constants of this program.

    A run's page, from the settings and Dagster's id, stays a link at the end of the ``text``.
    """
    inert_fields = {name: _inert_value(name, value) for name, value in payload.items()}
    link, text = str(payload.get("link") or ""), str(payload.get("text") or "")
    if _LINK.fullmatch(link) and text.endswith(f": {link}"):
        inert_fields["text"] = inert(text.removesuffix(link)) + link
    return inert_fields


def _inert_value(name: str, value: Any) -> Any:
    """Escape every text in a value of a message, also in lists and nested objects."""
    match value:
        case str():
            return _inert_field(name, value)
        case Mapping():
            return inert_payload(value)
        case list() | tuple():
            return [_inert_value(name, item) for item in value]
        case _:
            return value


def _inert_field(name: str, value: str) -> str:
    if name in MACHINE_NAMES and (_LINK if name == "link" else _MACHINE_TEXT).fullmatch(value):
        return value
    return inert(value)
