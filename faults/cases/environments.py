"""Settings, options, files and folders that can be any rubbish: every command explains it, none meets a bug of ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

import click

from emulator import Emulator
from faults.bad_environment import BAD_TEXTS, Environment, arguments_for, leaf_commands, try_command
from faults.case import Case, Trial, Verdict
from faults.harness import Harness
from pipelines.base.settings_folder import SETTINGS_DIR
from pipelines.config.accounts import ACCOUNT_KEYS
from pipelines.config.settings import VARIABLES

MUST: Final = "The command works without it, or says which one it is, what is wrong and what to do."

TOML_VALUES: Final = (
    '""', '" "', '"a\\u0000b"', '"\\u001b[31m"', "0", "-1", "1.5", "nan", "inf", "true", "1979-05-27", "[]", "[[]]",
    "{}", "[1]", "[{}]", '[{"above" = 1e999}]', '"/dev/null/x"', '"~nobody-has-this-name/x"', f'"{"x" * 5_000}"',
    "9223372036854775808", '"http://[::1/"', '"https://"', "[{name = 1}]", '[{segment = "x", above = "y"}]',
)  # fmt: skip
"""Values of every type that a key of accounts.toml may have."""


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 5_000_000)


STATES: Final[dict[str, Callable[[Path], object]]] = {
    "missing": lambda path: None,  # noqa: ARG005 - it was removed
    "a folder": lambda path: (path / "inner").mkdir(parents=True),
    "an empty file": lambda path: path.touch(),
    "rubbish bytes": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "other JSON": lambda path: path.write_text('[{"a": null}]'),
    "huge": _huge,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nowhere": lambda path: path.symlink_to("nowhere/at/all"),
    "a pipe": os.mkfifo,
    "a full device": lambda path: path.symlink_to("/dev/full"),
    "unreadable": lambda path: path.touch(mode=0),
    "an unreadable folder": lambda path: path.mkdir(mode=0),
}
"""What can stand where a file or a folder of ours is expected."""

QUICK_STATES: Final = ("a folder", "rubbish bytes")
FOLDER_VARIABLES: Final = (SETTINGS_DIR, "DAGSTER_HOME", "HOME", "TMPDIR")
"""Variables of the environment that name folders, beside those of the settings."""

USERS_OF_FILES: Final = ("doctor", "sync", "report", "export-data", "housekeep")
"""Commands that together read and write every file."""


def cases() -> Iterator[Case]:
    """Yield a case for each state of files, each setting, each key of an account and each command."""
    for state in STATES:
        yield Case(
            name=f"environments: files and folders, {state}",
            wrong=f"Each file and folder that a command has read or written is {state}.",
            must=MUST, play=partial(files_in_state, state=state), is_quick=state in QUICK_STATES, seconds=1_800,
        )  # fmt: skip
    yield Case(
        name="environments: a full disk",
        wrong="No command can write a byte.", must=MUST, play=full_disk, is_quick=True, seconds=600,
    )  # fmt: skip
    yield Case(
        name="environments: settings",
        wrong="Each variable of the settings is any text.",
        must=MUST, play=settings, is_quick=True, seconds=3_600,
    )  # fmt: skip
    yield Case(
        name="environments: keys of accounts.toml",
        wrong="Each key of an account has any type and value.",
        must=MUST, play=account_keys, is_quick=True, seconds=3_600,
    )  # fmt: skip
    yield Case(
        name="environments: options of commands",
        wrong="Each option and argument of each command is any text.",
        must=MUST, play=options, is_quick=True, seconds=3_600,
    )  # fmt: skip


@contextmanager
def home(harness: Harness) -> Iterator[Environment]:
    """Make a folder with settings of an account and a database, in which every command works."""
    with Emulator() as emulator, harness.database() as url:
        account = emulator.world.add_account("Corner", account_id=harness.new_id())
        emulator.world.add_segment(account, "VIP", size=10)
        folder = harness.folder / f"home-{harness.new_id()}"
        folder.mkdir(mode=0o700)
        (folder / "plan.yaml").write_text("segments: []\n")
        (folder / "token").write_text(emulator.long_lived_token(account))
        host = emulator.url.partition("://")[2]
        (folder / "accounts.toml").write_text(f'[accounts.main]\nhost = "{host}"\ntoken_file = "token"\n')
        (folder / ".env").write_text(f"DATABASE_URL={url}\n")
        environment = Environment(folder=folder, variables={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)})
        yield environment
        shutil.rmtree(folder, ignore_errors=True)


def files_in_state(harness: Harness, *, state: str) -> Iterator[Trial]:
    """Let the commands run once, then put the state in place of each file and folder that is there."""
    with home(harness) as good:
        for command in ("sync", "report") if harness.is_quick else USERS_OF_FILES:
            trial = try_command(_call(command), good, "in order")
            yield trial if trial.verdict == Verdict.EXACT else replace(trial, verdict=Verdict.DAMAGED)
        whole = harness.folder / f"whole-{harness.new_id()}"
        shutil.copytree(good.folder, whole, symlinks=True)
        places = sorted(str(path.relative_to(whole)) for path in whole.rglob("*"))
        places += ["data/blocked", "data/tokens", "data/dagster", "data/postgres"]
        for number in harness.sample(f"places {state}", len(places), 2):
            for command in USERS_OF_FILES if not harness.is_quick else harness.next_chance().sample(USERS_OF_FILES, 2):
                shutil.rmtree(good.folder)
                shutil.copytree(whole, good.folder, symlinks=True)
                path = good.folder / places[number]
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                path.parent.mkdir(parents=True, exist_ok=True)
                STATES[state](path)
                yield try_command(_call(command), good, f"{places[number]} is {state}")
        shutil.rmtree(whole)


def full_disk(harness: Harness) -> Iterator[Trial]:
    """Run every command while no file can grow."""
    with home(harness) as good:
        for words, command in _commands(harness, 4):
            yield try_command([*words, *arguments_for(command, {})], replace(good, is_disk_full=True), "a full disk")


def settings(harness: Harness) -> Iterator[Trial]:
    """Set each variable to each text."""
    with home(harness) as good:
        trials = list(product((*VARIABLES, *FOLDER_VARIABLES), BAD_TEXTS, ("doctor", "sync")))
        for number in harness.sample("settings", len(trials), 4):
            variable, text, command = trials[number]
            bad = replace(good, variables={**good.variables, variable: BAD_TEXTS[text]})
            yield try_command(_call(command), bad, f"{variable} is {text}")


def account_keys(harness: Harness) -> Iterator[Trial]:
    """Set each key of an account to each value."""
    with home(harness) as good:
        file = good.folder / "accounts.toml"
        lines = file.read_text().splitlines()
        trials = list(product(ACCOUNT_KEYS, TOML_VALUES))
        for number in harness.sample("account keys", len(trials), 4):
            key, value = trials[number]
            kept = [line for line in lines if not line.startswith(key)]
            file.write_text("\n".join([*kept, f"{key} = {value}", ""]))
            yield try_command(_call("doctor"), good, f"{key} = {value[:60]}")


def options(harness: Harness) -> Iterator[Trial]:
    """Set each option and argument of each command to each text."""
    with home(harness) as good:
        trials = [
            (words, command, parameter.name, text)
            for words, command in leaf_commands()
            for parameter in command.params
            for text in BAD_TEXTS
            if parameter.name and not getattr(parameter, "is_flag", False)
        ]
        for number in harness.sample("options", len(trials), 6):
            words, command, name, text = trials[number]
            arguments = [*words, *arguments_for(command, {name: BAD_TEXTS[text]})]
            yield try_command(arguments, good, f"{name} of {' '.join(words)} is {text}")


def _commands(harness: Harness, quick: int) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    leaves = list(leaf_commands())
    return (leaves[number] for number in harness.sample("commands", len(leaves), quick))


def _call(name: str) -> Sequence[str]:
    return [name, "--output=csv"] if name == "export-data" else [name]
