"""Numbers, defaults, paths and tests that pages name are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assets.scan_checks import MAX_AGE, MIN_EXPLAINED_SHARE, SCAN_CHECKS
from assets.schedules import NIGHTLY_CRON
from pipelines.alerts.change_alert import MAX_CHANGES_IN_JSON, MAX_CHANGES_IN_TEXT
from pipelines.alerts.size_rules import HYSTERESIS_RATIO
from pipelines.amocrm.limits import BLOCK_DURATION
from pipelines.base.bounded_file import PLAN_BYTES, SETTINGS_BYTES
from pipelines.config import parsing
from pipelines.config.alert_rules import DEFAULT_MIN_SIZE
from pipelines.config.change_kinds import DEFAULT_CHANGE_KINDS
from pipelines.config.settings import MAX_DOTS_IN_A_LINE, Settings
from pipelines.customers.checkpoint import DENIED_DAYS
from pipelines.customers.events import EVENT_PAGE_SIZE, MAX_EVENT_PAGES
from pipelines.customers.reader import MAX_YIELD_SECONDS, PAGE_SIZES
from pipelines.embedded_postgres.server import SERVER_SETTINGS
from pipelines.load.fleet import GRACE_SECONDS, MAX_CONSECUTIVE_REFUSALS
from pipelines.load.open_fleet import MIN_ACCOUNTS_PER_WORKER
from pipelines.load.rate_limits import ADDRESS_REQUESTS_PER_SECOND, HOST_REQUESTS_PER_SECOND
from pipelines.report.figures import MAX_CHANGES
from pipelines.warehouse.engine import CONNECT_RETRY_SECONDS, MIN_SERVER_VERSION
from pipelines.warehouse.locks import MAX_RETRY_SECONDS
from pipelines.warehouse.tool_login import CONNECTION_LIMIT

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / name / "README.md" for name in ("bench", "faults", "mutation", "sql", "tests")),
]
DEFAULTS = Settings(data_dir=Path("data"))
NUMBERS = {
    1: "one",
    5: "five",
    6: "six",
    8: "eight",
    10: "ten",
    20: "twenty",
    100: "hundred",
    60: "a minute",
    30: "half a minute",
    3600: "an hour",
}

FACTS: tuple[tuple[str, str], ...] = (
    ("docs/customers.md", f"older than {MAX_AGE.total_seconds() / 3600:.0f} hours"),
    ("docs/customers.md", f"explain less than {MIN_EXPLAINED_SHARE:.0%} of"),
    *(("docs/customers.md", f"| `{spec.name}` |") for spec in SCAN_CHECKS),
    (".env.example", f"0 keeps none. Default: {DEFAULTS.raw_retention_days}."),
    (
        ".env.example",
        f"at most {parsing.MAX_REQUESTS_PER_SECOND}, which is amoCRM's limit. Default: {HOST_REQUESTS_PER_SECOND:g};",
    ),
    (".env.example", f"lifts the block. Default: {ADDRESS_REQUESTS_PER_SECOND:g};"),
    (".env.example", f"in parallel: 1 to {parsing.MAX_THREADS}. Default: {DEFAULTS.threads}."),
    (".env.example", f"{NUMBERS[2 * MIN_ACCOUNTS_PER_WORKER]} accounts or more: 1 to {parsing.MAX_WORKERS},"),
    (".env.example", f"Each takes 65 MB. Default: {DEFAULTS.workers}."),
    (".env.example", f"loads the code. Default: {DEFAULTS.fleet_buckets}."),
    (".env.example", f"an IANA name. Default: {DEFAULTS.schedule_timezone}."),
    (".env.example", f"UI shows stays. Default: {DEFAULTS.dagster_run_days}."),
    (".env.example", f"at least {parsing.SHORTEST_SECRET} random characters"),
    (".env.example", f"Address of a PostgreSQL {MIN_SERVER_VERSION} or newer."),
    ("accounts.example.toml", f"Default: {DEFAULT_MIN_SIZE} with percent alone"),
    ("README.md", f"(PostgreSQL {MIN_SERVER_VERSION} or newer, no extensions)"),
    ("docs/customers.md", f"each request of a scan waits up to {MAX_YIELD_SECONDS:g} seconds"),
    ("docs/customers.md", f"It is requested again every {DENIED_DAYS} days"),
    ("docs/customers.md", f"up to {MAX_EVENT_PAGES * EVENT_PAGE_SIZE:,} older ones"),
    ("docs/operations.md", f"a scan tries {PAGE_SIZES[1]} and {PAGE_SIZES[2]}."),
    ("docs/operations.md", f"`AMOCRM_RAW_RETENTION_DAYS` ({DEFAULTS.raw_retention_days})"),
    ("docs/operations.md", f"`AMOCRM_DAGSTER_RUN_DAYS` ({DEFAULTS.dagster_run_days})"),
    ("docs/operations.md", f"`AMOCRM_THREADS` ({DEFAULTS.threads})"),
    ("docs/operations.md", f"to `AMOCRM_WORKERS` ({DEFAULTS.workers}) processes"),
    ("docs/operations.md", f"{NUMBERS[2 * MIN_ACCOUNTS_PER_WORKER].title()} accounts or more"),
    ("docs/operations.md", f"`AMOCRM_FLEET_BUCKETS` ({DEFAULTS.fleet_buckets})"),
    ("docs/operations.md", f"share {HOST_REQUESTS_PER_SECOND:g} requests per second to each host"),
    ("docs/operations.md", f"and {ADDRESS_REQUESTS_PER_SECOND:g} to all hosts together"),
    ("docs/operations.md", f"{NUMBERS[MAX_CONSECUTIVE_REFUSALS]} accounts in a row with 429"),
    ("docs/operations.md", f"loads that publish have {NUMBERS[int(GRACE_SECONDS)]} seconds"),
    ("docs/operations.md", f"regular files of at most {SETTINGS_BYTES // 1_000_000} MB"),
    ("docs/operations.md", f"may have at most {PLAN_BYTES // 1_000_000} MB"),
    ("docs/operations.md", f"may have more than {MAX_DOTS_IN_A_LINE:,} dots"),
    ("docs/operations.md", f"By default the first {NUMBERS[len(DEFAULT_CHANGE_KINDS)]}:"),
    ("docs/operations.md", f"The text holds the first {NUMBERS[MAX_CHANGES_IN_TEXT]} changes,"),
    ("docs/operations.md", f"and the first {NUMBERS[MAX_CHANGES_IN_JSON]} as"),
    ("docs/operations.md", f"below {HYSTERESIS_RATIO * 100:.0f} % of the threshold"),
    ("docs/operations.md", f"connection limit of {CONNECTION_LIMIT},"),
    ("docs/operations.md", f"waits for a lock for {NUMBERS[int(MAX_RETRY_SECONDS)]} in vain"),
    ("docs/operations.md", f"retries for {NUMBERS[int(CONNECT_RETRY_SECONDS)]}"),
    ("docs/operations.md", f"the latest {MAX_CHANGES:,} changes"),
    ("docs/operations.md", "at {1}:{0}".format(*NIGHTLY_CRON.split())),
    ("docs/scaling.md", f"`random_page_cost = {SERVER_SETTINGS['random_page_cost']}`"),
    ("docs/decisions/0018-size-alerts-are-sent-once.md", f"below {HYSTERESIS_RATIO * 100:.0f} % of it"),
    (
        "docs/decisions/0017-fleets-in-buckets.md",
        f"amoCRM rejects {NUMBERS[MAX_CONSECUTIVE_REFUSALS]} accounts in a row",
    ),
    (
        "docs/glossary.md",
        f"No request is sent to that host for {NUMBERS[int(BLOCK_DURATION.total_seconds())]}",
    ),
)
"""A page, and a part of it with numbers of the code."""


def flat(page: str) -> str:
    """Text of a page on one line, without marks of comments."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").replace("\n# ", "\n").split())


@pytest.mark.parametrize(("page", "fact"), FACTS, ids=[f"{page}: {fact[:40]}" for page, fact in FACTS])
def test_numbers_of_a_page_are_those_of_the_code(page: str, fact: str) -> None:
    assert fact in flat(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:assets|bench|commands|deploy|docs|emulator|faults|pipelines|sql|tests)/[\w./-]+)`", text)
    assert not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]


def test_tests_that_security_names_exist() -> None:
    missing = []
    file = ""
    for named, test in re.findall(
        r"`((?:unit|integration|acceptance)/[\w/]+\.py)?(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text()
    ):
        file = named or file
        if (named or test) and f"def {test}" not in read_test(file):
            missing.append(f"{file}::{test}")
    assert not missing


def read_test(file: str) -> str:
    """Text of a file of tests; empty if it does not exist."""
    path = ROOT / "tests" / file
    return path.read_text(encoding="utf-8") if path.is_file() else ""
