"""Privacy of customers: personal values are nowhere, ids only in the schema members, and forgotten ids nowhere."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import time
from itertools import cycle
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet  # type: ignore[import-untyped]

from assets.customers import scan_customers_job
from assets.definitions import build_definitions
from assets.resources import Warehouse
from commands.cli import cli
from emulator import Emulator, effects
from emulator.customer import CANARY
from pipelines.amocrm.limits import Limits
from pipelines.config.scan_window import ScanWindow
from pipelines.config.settings import load_settings
from tests.integration.test_webhook import Hook

FIRST_ID = 7_777_000_001
ID = "7777000"
"""Start of the id of every customer."""

PHONE = "79261112233"
ROW = f'{{"id": {FIRST_ID}, "name": "{CANARY}NAME", "phone": "+{PHONE}"}}'
PERSONAL = (CANARY, PHONE)

REFUSALS = [
    effects.error(400, f"Customer {FIRST_ID} {CANARY}NAME +{PHONE} is invalid"),
    effects.status(
        422,
        f'{{"status": 422, "title": "{CANARY}", "validation-errors": [{{"request_id": "{FIRST_ID}", "errors":'
        f' [{{"code": "{CANARY}", "path": "{FIRST_ID}", "detail": "{CANARY}"}}]}}]}}',
        "application/problem+json",
    ),
    effects.error(403, f"{CANARY} {FIRST_ID}"),
    effects.status(500, ROW, "application/json"),
    effects.html(502, ROW),
    effects.html(200, ROW),
    effects.truncated(),
    effects.truncated(is_announced=False),
    effects.body(ROW[:-1]),
    effects.body(f'{{"_embedded": {{"customers": [{ROW}, {ROW[:-1]}, "name": "{CANARY}"}}]}}}}'),
    effects.items(lambda items: [item | {"id": f"{CANARY}{PHONE}"} for item in items]),
    effects.items(lambda items: [item["name"] for item in items]),
    effects.items(lambda items: [item | {"_embedded": {"segments": [item["name"]]}} for item in items]),
]
"""Responses that end a scan and quote a customer."""

OUTPUTS = (("customers", "--json-lines"), ("customer", "--quiet"), ("events", "--notify"), ("customer", "--json"))
"""Failures, and how the command reports each. A customer that the list does not show is requested by id."""

HARMLESS = effects.items(
    lambda items: [
        item | {"ltv": item["name"], "purchases_count": [item], "average_check": item, "next_date": ROW}
        for item in items
    ]
)
"""Values of other types than documented, which a scan leaves out."""

VIEWS = (
    *("stage_sizes", "stage_sizes_daily", "place_flows_daily", "segment_joins_daily", "segment_overlaps", "scans"),
    *("stay_durations", "cohorts", "stage_moves", "place_money_daily", "member_differences"),
)

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scans fail at once, without retries."""
    monkeypatch.setattr(
        "pipelines.customers.reader.SCAN_LIMITS",
        Limits(requests=1_000, transient_retries=0, malformed_retries=0, rate_limit_retries=0),
    )


@pytest.fixture
def account_id(emulator: Emulator) -> int:
    """An account with customers on several pages."""
    world = emulator.world
    world.quirks = replace(world.quirks, max_limit=5, falls_back_over_max=False, hidden_customer_status=403)
    world.next_ids["customer"] = FIRST_ID
    account_id = world.add_account("Corner Coffee")
    segments = [world.add_segment(account_id, name) for name in ("First", "Second")]
    for place in range(18):
        world.add_customer(account_id, segments=segments[: place % 3], tags=[place])
    return account_id


@pytest.fixture
def variables(emulator: Emulator, account_id: int, postgres_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "AMOCRM_HOST": emulator.host,
        "AMOCRM_TOKEN": emulator.long_lived_token(account_id),
        "AMOCRM_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def our(variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; all output is kept in the folder."""
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "output"

    def run_ours(*arguments: str, **others: str) -> Result:
        done = CliRunner().invoke(cli, arguments, env=variables | others)
        with output.open("a") as file:
            file.write(done.output)
        assert "Traceback" not in done.output or "--verbose" in arguments, done.output
        assert not isinstance(done.exception, Exception), done.exception
        return done

    return run_ours


def test_off_means_that_nothing_of_customers_is_requested_or_stored(
    our: Run, emulator: Emulator, postgres_url: str, tmp_path: Path
) -> None:
    for arguments in (
        ("sync",),
        ("sync", "--all", "--json"),
        ("doctor",),
        ("show",),
        ("metrics",),
        ("report",),
        ("alerts",),
    ):
        assert our(*arguments).exit_code == 0, arguments
    assert our("sync", "--customers").exit_code == 2
    paths = {request.path for request in emulator.requests}
    assert not [path for path in paths if path == "/api/v4/events" or path.startswith("/api/v4/customers/7")]
    assert "/api/v4/customers" not in paths
    assert not find(tables(postgres_url), (*PERSONAL, ID)) | find(files(tmp_path), (*PERSONAL, ID))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select count(*) from members.stay, members.page, amocrm.scan").fetchone() == (0,)


def test_personal_values_are_nowhere_and_ids_only_in_members(
    our: Run,
    variables: dict[str, str],
    emulator: Emulator,
    account_id: int,
    postgres_url: str,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    world = emulator.world
    customers = list(world.book(account_id).customers)
    stages = [stage.id for stage in world.account(account_id).live_stages()]
    on = {"AMOCRM_CUSTOMERS": "daily"}
    assert our("sync").exit_code == 0
    with Hook(200).running() as hook:
        alerts = {"AMOCRM_ALERT_WEBHOOK_URL": hook.url.reveal(), "AMOCRM_SIZE_ALERTS": "up 1% in 1 day", **on}
        assert our("doctor", "--probe", **on).exit_code == 0
        assert our("doctor", "--scan-cost", "--json", **on).exit_code == 0

        for effect in REFUSALS[1::6]:
            with emulator.faults.during(effect, resource="customers", page=2):
                assert not scan_by_dagster(variables | alerts, instance).success
        assert scan_by_dagster(variables | alerts, instance).success

        for customer, effect, (resource, output) in zip(customers, REFUSALS, cycle(OUTPUTS), strict=False):
            world.delete_customer(account_id, customer)
            world.move_customer(account_id, customers[-2], stages[customer % 2])
            with emulator.faults.during(effect, resource=resource):
                our("--verbose", "sync", "--customers", output, **alerts)
        world.hide_customer(account_id, customers[-1])
        with emulator.faults.during(HARMLESS, resource="customers"):
            assert our("--verbose", "sync", "--customers", "--json-lines", **alerts).exit_code == 0
        assert our("sync", "--customers", "--notify", **alerts).exit_code == 0

        for arguments in (
            ("doctor", "--send-test-alert"),
            *(("show",), ("metrics",), ("report",), ("alerts",), ("housekeep",)),
            *(("export-data", "--format", kind, "--output", kind) for kind in ("csv", "xlsx", "parquet")),
        ):
            assert our(*arguments, **alerts).exit_code == 0, arguments
    assert {body.get("kind") for _, body, _ in hook.received} >= {"test"}
    (tmp_path / "received").write_text(str(hook.received))
    (tmp_path / "log").write_text(caplog.text)

    stored, written = list(tables(postgres_url)), list(files(tmp_path))
    assert find(stored, (ID,)) == {"members.stay", "members.page"}
    assert find(stored, PERSONAL) == set()
    assert find(written, (*PERSONAL, ID)) == set()
    assert {"received", "log", "output", "data/reports/main.html"} <= {name for name, _ in written}


def test_a_forgotten_customer_is_in_no_table_and_every_number_stays(
    our: Run, emulator: Emulator, account_id: int, postgres_url: str, tmp_path: Path
) -> None:
    world, on = emulator.world, {"AMOCRM_CUSTOMERS": "daily"}
    one, other = list(world.book(account_id).customers)[4:6]
    stages = [stage.id for stage in world.account(account_id).live_stages()]
    assert our("sync", "--customers", **on).exit_code == 0
    world.move_customer(account_id, one, stages[1])
    assert our("sync", "--customers", **on).exit_code == 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("analyze")
    before = numbers(postgres_url)
    assert str(one) in str(list(tables(postgres_url)))
    assert our("forget", "--customer", str(one), "--yes").stdout == f"account 'main': customer {one} forgotten\n"
    assert (
        our("forget", "--customer", "12", "--yes").stdout
        == "account 'main': customer 12 was not stored, and will not be\n"
    )
    assert numbers(postgres_url) == before
    assert find(tables(postgres_url), (str(one),)) == set()

    world.move_customer(account_id, one, stages[0])
    for _ in range(2):
        assert our("sync", "--customers", **on).exit_code == 0
        assert find(tables(postgres_url), (str(one),)) == set()
    assert find(tables(postgres_url), (str(other),)) == {"members.stay", "members.page"}

    assert "the stays of earlier ones are still stored" in " ".join(our("doctor").stdout.split())
    before = numbers(postgres_url)
    left_the_settings = {"AMOCRM_HOST": "", "AMOCRM_TOKEN": ""}
    deleted = our("forget", "--all-customers", "--account", "main", "--yes", **left_the_settings)
    assert (deleted.exit_code, deleted.stdout.endswith(" stays deleted\n")) == (0, True)
    assert find(tables(postgres_url), (ID,)) == set()
    assert numbers(postgres_url) == before
    assert "are still stored" not in " ".join(our("doctor").stdout.split())
    assert our("sync", "--customers", **on).exit_code == 0
    assert find(tables(postgres_url), (str(one),)) == set(), "a forgotten customer stays forgotten"
    (tmp_path / "output").unlink()  # it repeats the ids that were typed
    assert find(files(tmp_path), (ID,)) == set()


def scan_by_dagster(variables: dict[str, str], instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the job of scans at an hour that the settings allow."""
    settings = load_settings(variables, Path.cwd())
    always = ScanWindow(start=time(0), end=time(0))
    accounts = tuple(replace(account, customers=always) for account in settings.accounts)
    with ExitStack() as stack:
        resource = Warehouse(lambda: replace(settings, accounts=accounts), stack)
        job = build_definitions("0 * * * *", "UTC", resource).resolve_job_def(scan_customers_job.name)
        return job.execute_in_process(instance=instance, raise_on_error=False)


def numbers(url: str) -> list[object]:
    """Rows of all views about customers."""
    with psycopg.connect(url) as connection:
        return [
            row
            for view in VIEWS
            for row in connection.execute(f"select '{view}', one.* from analytics.{view} as one order by one::text")
        ]


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Every table of the database, tables of the catalog that hold values, and the server's log."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select format('%I.%I', nspname, relname)"
            " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
            " where relkind in ('r', 'm') and nspname !~ '^(pg_|information_schema)'"
            " or nspname = 'pg_catalog' and relkind = 'r' and relname ~ 'statistic|largeobject|description|setting'"
        ).fetchall()
        for (table,) in found:
            rows = connection.execute(f"select one::text from {table} as one").fetchall()
            yield table.replace("pg_catalog.", ""), str(rows).encode()
        activity = connection.execute("select query from pg_stat_activity").fetchall()
        yield "pg_stat_activity", str(activity).encode()
        [(data_folder,)] = connection.execute("show data_directory")
        log = Path(data_folder).parent / "postgres.log"
        if log.exists():  # another server's cannot be read
            yield "postgres.log", log.read_bytes()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, unpacked if it is compressed."""
    for file in folder.rglob("*"):
        if file.is_file():
            contents = file.read_bytes()
            if file.suffix == ".xlsx":
                with zipfile.ZipFile(io.BytesIO(contents)) as archive:
                    contents = b"".join(archive.read(name) for name in archive.namelist())
            elif file.suffix == ".parquet":
                contents = str(parquet.read_table(file).to_pylist()).encode()
            yield str(file.relative_to(folder)), contents


def find(places: Iterable[tuple[str, bytes]], texts: Sequence[str]) -> set[str]:
    """Return where one of the texts is, as it is, or as Postgres writes bytes."""
    needles = [needle for text in texts for needle in (text.encode(), text.encode().hex().encode())]
    return {name for name, contents in places if any(needle in contents for needle in needles)}
