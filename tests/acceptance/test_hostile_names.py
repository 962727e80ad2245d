"""Hostile names through every output, and links planted by a second user."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dagster import MarkdownMetadataValue
from markdown_it import MarkdownIt
from pyarrow import parquet  # type: ignore[import-untyped]
from sqlalchemy import Engine, text

from assets.views import view_metadata
from assets.write_back import fence_markdown
from commands.cli import cli
from emulator import Emulator, effects
from pipelines.report.csv_export import _is_dropped
from pipelines.report.overview import read_overview
from pipelines.writeback.problems import Problems
from pipelines.writeback.yaml_nodes import parse_yaml
from tests.command_line import run
from tests.integration.test_webhook import Hook
from tests.other_user import plant_link, root_only, shared
from tests.unit.test_chat_text import ACTIVE

NAMES = [
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "\u202egnp.exe\u2066 \u200b\ufeff\u061c",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "]]></text><script xlink:href='https://evil.example'/>",
    "=cmd|' /C calc'!A0",
    " \u00a0=1+1",
    "VIP;=1+1\t=1\n=1",
    "＝1+1",
    "![x](https://evil.example/p.png) [click](https://evil.example) ```",
    "<!channel> <https://evil.example|click> @everyone https://evil.example",
    "{{7*7}} {% raw %} ${x} %(x)s %s {0} $$ \\. \\N",
    "- &a !!python/object: {x: *a} # ---",
    "\"; drop table x; -- ' $$",
    "null",
]
MARKED = [f"{name} n{place}" for place, name in enumerate(NAMES)]
"""The same with an end that makes each one different, whatever is escaped before."""

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

Run = Callable[..., Result]


@pytest.fixture
def account_id(emulator: Emulator) -> int:
    """An account whose every name is hostile."""
    world = emulator.world
    account_id = world.add_account(MARKED[2])
    for name in MARKED:
        field_id = world.add_field(account_id, name, "text")
        segment_id = world.add_segment(account_id, name, size=10)
        world.set_field_value(account_id, segment_id, field_id, name)
    return account_id


@pytest.fixture
def variables(emulator: Emulator, account_id: int, postgres_url: str) -> dict[str, str]:
    token = emulator.long_lived_token(account_id)
    return {"DATABASE_URL": postgres_url, "AMOCRM_HOST": emulator.host, "AMOCRM_TOKEN": token}


@pytest.fixture
def our(variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Run:
    """Runs a command on the account, which was loaded."""
    monkeypatch.chdir(tmp_path)

    def run_ours(*arguments: str, **others: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=variables | others)

    assert run_ours("sync").exit_code == 0
    return run_ours


def test_a_terminal_only_shows_them(our: Run, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(our("export", "-").stdout.replace(" n3", " m3"))
    for arguments in (
        ("sync",),
        ("sync", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("export", "-"),
        ("segments", "list"),
        ("segments", "list", "--json"),
        ("segments", "get", MARKED[0]),
        ("plan", "all.yaml"),
        ("plan", "all.yaml", "--json"),
        ("alerts", "up 1%"),
    ):
        written = our(*arguments)
        assert written.output, arguments
        assert not UNPRINTABLE.search(written.output), written.output
        if "--json" in arguments and written.stdout:
            json.loads(written.stdout)


def test_an_error_of_the_crm_does_not_steer_terminal_database_or_chat(
    our: Run, emulator: Emulator, engine: Engine
) -> None:
    detail = f"\x1b[2J{NAMES[9]} {NAMES[8]}\nWhat to do: pay"
    emulator.faults.add(effects.error(403, detail))
    failed = our("sync")
    assert failed.exit_code
    assert not UNPRINTABLE.search(failed.output)
    with engine.connect() as connection:
        [message] = connection.scalars(text("select message from analytics.load_outcomes where status = 'failed'"))
    assert not UNPRINTABLE.search(message)


def test_csv_has_no_formula_in_any_program(our: Run, tmp_path: Path) -> None:
    assert our("export-data", "--output", "csv").exit_code == 0
    for file in (tmp_path / "csv").iterdir():
        contents = file.read_text(encoding="utf-8-sig")
        for delimiter in ",;\t|":
            for line in csv.reader(io.StringIO(contents, newline=""), delimiter=delimiter):
                for cell in line:
                    first = next((one for one in cell if not _is_dropped(one) or one == "'"), "")
                    assert first not in {*"=+@＝＋＠"}, (file.name, delimiter, cell)
                    assert first != "-" or re.fullmatch(r"-[\d.]+[,\d.-]*", cell), (file.name, delimiter, cell)


def test_parquet_has_them_exactly_and_columns_of_ours(our: Run, tmp_path: Path) -> None:
    assert our("export-data", "--output", "files", "--format", "parquet").exit_code == 0
    table = parquet.read_table(tmp_path / "files/segments.parquet")
    assert set(table.column("name").to_pylist()) == set(MARKED)
    for file in (tmp_path / "files").iterdir():
        assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in parquet.read_table(file).column_names)


class Tags(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        """Read it."""
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on"))}
        self.found |= {f"{tag} {name}" for name, value in attrs if value and "evil.example" in value}


def test_the_report_is_text(our: Run, tmp_path: Path) -> None:
    assert our("report", "--output", "page.html").exit_code == 0
    found = Tags((tmp_path / "page.html").read_text(encoding="utf-8")).found
    assert not {one for one in found if one.startswith("on") or " " in one}
    assert not found & {"script", "iframe", "img", "object", "embed", "form", "base"}


def test_the_yaml_reads_back_as_the_same_names(our: Run) -> None:
    exported = our("export", "-").stdout
    problems = Problems("export")
    root = parse_yaml(exported, problems)
    problems.raise_if_any()
    assert root is not None
    planned = our("plan", "-", "--json")
    assert planned.exit_code in {0, 2}


def test_metadata_and_markdown_of_dagster_are_inert(our: Run, engine: Engine) -> None:
    overview = read_overview(engine, "main")
    for view in ("segment_sizes_daily", "segment_trends", "changes"):
        for value in view_metadata(view, overview).values():
            assert not isinstance(value, MarkdownMetadataValue)
    for name in MARKED:
        assert [token.type for token in MarkdownIt().parse(fence_markdown(f"{name}\n"))] == ["fence"]


def test_names_of_columns_are_data(our: Run, engine: Engine, account_id: int) -> None:
    with engine.connect() as connection:
        columns = connection.execute(text(f"select * from analytics.segments_{account_id}")).keys()
    assert {name for name in columns if re.search(r" n\d+", name)}
    assert not [name for name in columns if UNPRINTABLE.search(name)]


def test_alerts_are_inert(our: Run, emulator: Emulator, account_id: int) -> None:
    with Hook(200).running() as hook:
        rule = {"AMOCRM_SIZE_ALERTS": "10% in 1 day", "AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal()}
        our("sync", **rule)
        for segment in emulator.world.account(account_id).live_segments():
            emulator.world.rename_segment(account_id, segment.id, f"{segment.name}!")
        our("sync", **rule)
    assert hook.received
    for _, body, _ in hook.received:
        assert not ACTIVE.search(body["text"] or "")


@root_only
@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_commands_write_through_no_planted_link_and_for_nobody_else(
    variables: dict[str, str], engine: Engine, tmp_path: Path, umask: int
) -> None:
    folder = shared(tmp_path / "shared")
    secret = tmp_path / "secret"
    secret.write_text("untouched")
    for name in ("page.html", "all.yaml"):
        plant_link(folder / f"link-{name}", secret)
    (tmp_path / "target").mkdir()
    plant_link(folder / "csv", tmp_path / "target")

    def ours(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, folder=tmp_path, umask=oct(umask), **variables)

    assert ours("sync").returncode == 0
    written = [
        ours("report", "--output", f"{folder}/page.html"),
        ours("report"),
        ours("export", f"{folder}/all.yaml"),
        ours("export-data", "--output", f"{folder}/own/csv"),
    ]
    assert [one.returncode for one in written] == [0] * 4, written
    refused = [
        ours("report", "--output", f"{folder}/link-page.html"),
        ours("export", f"{folder}/link-all.yaml", "--force"),
        ours("export-data", "--output", f"{folder}/csv"),
    ]
    assert {one.returncode for one in refused} == {2}
    assert all("another user made" in one.stderr and "Traceback" not in one.stderr for one in refused)
    assert (secret.read_text(), list((tmp_path / "target").iterdir())) == ("untouched", [])
    made = [path for root in (tmp_path / "data", folder) for path in root.rglob("*") if not path.is_symlink()]
    assert made
    assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not (tmp_path / "data").stat().st_mode & 0o077
