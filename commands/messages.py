"""``messages``: update the catalogues of translations from the texts of the code."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from commands.superset.translation import dashboard_texts
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.language import CATALOGUES, ENGLISH, LANGUAGES

FOLDERS: Final = ("assets", "commands", "pipelines")
METHODS: Final = [("**.py", "python"), ("**.jinja", "jinja2.ext:babel_extract")]
OPTIONS: Final = {"**.jinja": {"newstyle_gettext": "true"}}
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_noop": None,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "ngettext": (1, 2),
    "ngettext_noop": (1, 2),
    "pgettext": ((1, "c"), 2),
}
"""Functions whose arguments are texts, and the positions of these."""

DASHBOARDS: Final = Path("docs/dashboards/superset")
COMMENT_TAGS: Final = ("Translators:",)


@click.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; fail if a catalogue is out of date.")
def command(*, is_check: bool) -> None:
    """Update the catalogues in pipelines/locales from the texts of the code.

    New texts are added without a translation, and texts that are gone are removed. Translate the new ones in the
    catalogues: until then they appear in English.
    """
    if not all(Path(folder).is_dir() for folder in FOLDERS):
        raise SettingsError("This is no clone of the project.", advice="Change to the project's folder and try again.")
    updated = dict(updated_catalogues(extract_texts(Path())))
    stale = [file for file, (text, _) in updated.items() if not file.exists() or file.read_bytes() != text]
    missing = [f"{count} in {file.name}" for file, (_, count) in updated.items() if count]
    if is_check and (stale or missing):
        names = " and ".join(file.name for file in stale)
        raise WarehouseError(
            f"Out of date: {names}." if stale else f"Texts without a translation: {', '.join(missing)}.",
            advice="Run './run messages', translate what is empty or fuzzy, and commit the catalogues.",
        )
    for file in stale:
        file.write_bytes(updated[file][0])
        click.echo(f"wrote {file}")
    click.echo(f"Texts without a translation: {', '.join(missing)}." if missing else "All texts are translated.")


def updated_catalogues(template: Catalog) -> Iterator[tuple[Path, tuple[bytes, int]]]:
    """Yield each catalogue's file with its updated content and the number of texts without a translation."""
    for code in LANGUAGES:
        if code == ENGLISH.code:
            continue
        file = CATALOGUES / f"{code}.po"
        catalogue = Catalog(locale=code, project="amocrm-warehouse", header_comment="", fuzzy=False)
        if file.exists():
            with file.open("rb") as stored:
                catalogue = read_po(stored, locale=code)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        text = io.BytesIO()
        write_po(text, catalogue, width=100, sort_by_file=True, no_location=True)
        yield file, (text.getvalue(), sum(is_untranslated(message) for message in catalogue if message.id))


def is_untranslated(message: Message) -> bool:
    """Return True if a message is fuzzy or one of its forms is empty."""
    forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    return bool(message.fuzzy) or not all(forms)


def extract_texts(root: Path) -> Catalog:
    """Extract all texts of the code."""
    catalogue = Catalog()
    for folder in FOLDERS:
        for name, _, text, comments, context in extract_from_dir(
            root / folder, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=COMMENT_TAGS
        ):
            catalogue.add(text, locations=[(f"{folder}/{name}", 0)], auto_comments=comments, context=context)
    for file, title in dashboard_texts(root / DASHBOARDS):
        catalogue.add(title, locations=[(file.relative_to(root).as_posix(), 0)])
    return catalogue
