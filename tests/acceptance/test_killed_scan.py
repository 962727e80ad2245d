"""A scan whose process is killed (SIGKILL) at a page: the next one goes on from there."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg

from emulator import Emulator, effects
from emulator.routes import PATHS
from tests.acceptance.test_signals import until
from tests.command_line import build_environment, command_line, run


def test_a_killed_scan_goes_on_from_its_last_page(tmp_path: Path, postgres_url: str, emulator: Emulator) -> None:
    account_id = emulator.world.add_account("Corner Coffee")
    emulator.world.quirks = replace(emulator.world.quirks, max_limit=5, falls_back_over_max=False)
    emulator.world.add_customers(account_id, 12)
    variables = {
        "AMOCRM_HOST": emulator.host,
        "AMOCRM_TOKEN": emulator.long_lived_token(account_id),
        "AMOCRM_CUSTOMERS": "daily",
        "DATABASE_URL": postgres_url,
    }

    def listed() -> list[int]:
        return [one.page for one in emulator.requests if one.path == PATHS["customers"]]

    with emulator.faults.during(effects.drip(0.2, 1, is_head_too=True), resource="customers", page=3):
        process = subprocess.Popen(
            command_line("sync", "--customers"),
            cwd=tmp_path,
            env=build_environment(**variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: 3 in listed())
        process.kill()
        process.wait()
    with psycopg.connect(postgres_url, autocommit=True) as database:
        assert database.execute("select count(*) from amocrm.scan").fetchone() == (0,)
        scanned = run("sync", "--customers", folder=tmp_path, **variables)
        assert (scanned.returncode, "12 customers, 0 gone" in scanned.stdout) == (0, True), scanned.stderr
        assert database.execute("select customers_count from amocrm.scan").fetchall() == [(12,)]
    assert listed() == [1, 2, 3, 3]
