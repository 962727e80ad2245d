"""``metrics``: what Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from emulator import Emulator, effects
from tests.command_line import run

NAME = 'Corner "Coffee"\n\\ \u202e'


def test_prometheus_reads_every_account(tmp_path: Path, postgres_url: str, live_emulator: Emulator) -> None:
    world = live_emulator.world
    well = world.add_account(NAME)
    world.add_segment(well, "VIP", color="10599d")
    variables = {"DATABASE_URL": postgres_url, "WELL": live_emulator.long_lived_token(well), "NEW": "rejected"}
    (tmp_path / "accounts.toml").write_text(
        "".join(
            f'[accounts.{key}]\nhost = "{live_emulator.host}"\ntoken_env = "{key.upper()}"\n' for key in ("well", "new")
        )
    )
    run("sync", "--all", folder=tmp_path, **variables)
    live_emulator.faults.add(effects.html())
    run("sync", "--account", "well", folder=tmp_path, **variables)
    told = run("metrics", folder=tmp_path, **variables)
    assert told.returncode == 0, told.stderr
    samples = {
        (sample.name, sample.labels.get("account")): sample
        for family in text_string_to_metric_families(told.stdout)
        for sample in family.samples
    }
    values = {key: sample.value for key, sample in samples.items()}
    assert values["amocrm_segments", "well"] == 1
    assert values["amocrm_failed_loads", "well"] == 1
    assert values["amocrm_failed_loads", "new"] == 1
    assert values["amocrm_late", "well"] == 0
    assert values["amocrm_last_snapshot_timestamp_seconds", "well"] > 1_700_000_000
    assert ("amocrm_last_snapshot_timestamp_seconds", "new") not in values
    assert samples["amocrm_account_info", "well"].labels["name"] == NAME
