"""``init``: write the files of settings into a folder, for an installation without a clone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from commands.paths import UserPath
from commands.project_files import PROJECT_FOLDER
from commands.workspace import WORKSPACE, WORKSPACE_TEXT
from pipelines.base.atomic_file import write_file
from pipelines.base.program import program_name, with_program_name


@click.command()
@click.argument("folder", type=UserPath(file_okay=False), default=".")
def command(folder: Path) -> None:
    """Write .env, accounts.toml and workspace.yaml into FOLDER, by default the current one.

    Files that exist are kept. Nothing is set in the new ones: every setting stands there with its explanation.
    """
    for name, text in settings_files():
        file = folder / name
        if file.exists() or file.is_symlink():
            click.echo(f"{file} exists and was kept.")
            continue
        write_file(file, with_program_name(text).encode())
        click.echo(f"Wrote {file}.")
    click.echo(f"Next, in {folder}: set AMOCRM_HOST and AMOCRM_TOKEN in .env, then run '{program_name()} doctor'.")


def settings_files() -> Iterator[tuple[str, str]]:
    """Yield names and texts. The accounts are examples, so they are commented out."""
    yield ".env", (PROJECT_FOLDER / ".env.example").read_text(encoding="utf-8")
    examples = (PROJECT_FOLDER / "accounts.example.toml").read_text(encoding="utf-8")
    yield "accounts.toml", "".join(comment_out(line) for line in examples.splitlines(keepends=True))
    yield WORKSPACE, WORKSPACE_TEXT


def comment_out(line: str) -> str:
    """Return the line as a comment; comments and empty lines stay."""
    return line if line.startswith("#") or not line.strip() else f"# {line}"
