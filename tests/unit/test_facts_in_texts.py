"""Numbers in texts agree with the code or SQL that decides them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from assets.checks import JUMPS, LIMITS, TOKEN_EXPIRY
from assets.dagster_errors import RETRY_POLICY
from assets.specs import TABLES
from commands.cli import COMMANDS
from commands.demo import DEFAULT_DAYS, command
from commands.demo.simulated_loads import DAILY_SCANS, LOAD_INTERVAL, RECENT_PERIOD
from emulator.oauth import REFRESH_TOKEN_LIFETIME
from emulator.timeline import CYCLE, FIRST_RANDOM_CYCLE
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.snapshot import DOCUMENTED_MAXIMUM
from pipelines.load.access import EXPIRY_WARNING_PERIOD

ROOT = Path(__file__).parents[2]
JUMPS_SQL = (ROOT / "sql/views/segment_jumps.sql").read_text(encoding="utf-8").partition("comment on view")[0]
DAGSTER_YAML = (ROOT / "assets/dagster.yaml").read_text(encoding="utf-8").replace("\n# ", " ")
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def number_in_sql(pattern: str) -> int:
    """The number that a pattern finds in the view; the same one wherever it stands."""
    [text] = set(re.findall(pattern, JUMPS_SQL))
    return int(text)


def test_the_check_of_jumps_has_the_view_s_own_words() -> None:
    assert JUMPS.description is not None
    assert str(TABLES["analytics", "segment_jumps"].comment) in JUMPS.description


def test_the_view_of_jumps_says_what_its_sql_does() -> None:
    comment = str(TABLES["analytics", "segment_jumps"].comment)
    columns = {column.name: str(column.comment) for column in TABLES["analytics", "segment_jumps"].columns}
    needed_weeks = number_in_sql(r"having count\(\*\) >= (\d+)")
    customers = number_in_sql(r"greatest\((\d+), 0[.]05")
    percent = number_in_sql(r"0[.]0(\d) [*] previous")
    deviations = number_in_sql(r"(\d+) [*] usual[.]deviation")
    days = number_in_sql(r"previous[.]observed_date - (\d+) and")
    assert f"{ORDINALS[needed_weeks + 1]} week" in comment
    assert f"{customers} customers" in comment
    assert f"{percent} percent" in comment
    assert f"{NUMERALS[deviations]} times the usual deviation" in comment
    assert f"{NUMERALS[days // 7]} weeks" in columns["usual_change_count"]


def test_checks_say_the_limits_of_the_code() -> None:
    for resource, count in DOCUMENTED_MAXIMUM.items():
        assert f"{count} {resource}" in str(LIMITS.description)
    assert f"{EXPIRY_WARNING_PERIOD.days} more days" in str(TOKEN_EXPIRY.description)


def test_dagster_s_configuration_says_how_long_a_load_takes() -> None:
    assert f"for at most {Limits().load_seconds / 60:.0f} minutes" in DAGSTER_YAML
    assert f"at most {RETRY_POLICY.max_retries + 1} times" in DAGSTER_YAML
    [seconds] = re.findall(r"max_runtime_seconds: (\d+)", DAGSTER_YAML)
    assert int(seconds) < timedelta(hours=1).total_seconds()


def test_the_demo_says_how_much_it_loads() -> None:
    assert f"{DEFAULT_DAYS} days" in COMMANDS["First look"]["demo"]
    text = " ".join(str(command.help).split())
    assert f"{NUMERALS[timedelta(days=1) // LOAD_INTERVAL]} times a day in the last {RECENT_PERIOD.days} days" in text
    assert f"daily in the last {DAILY_SCANS.days} days" in text


def test_the_emulator_s_documentation_says_its_times() -> None:
    timeline = (ROOT / "emulator/timeline.py").read_text(encoding="utf-8")
    assert timedelta(days=90) == FIRST_RANDOM_CYCLE * CYCLE
    assert "first ninety days" in timeline
    assert timedelta(days=90) == REFRESH_TOKEN_LIFETIME
