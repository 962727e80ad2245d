"""Checks of this machine: its data folder, and Dagster's schedule. Who can read the files: ``permissions``."""

from __future__ import annotations

import os
import shutil

from commands.doctor.check import Check, failed, ok, warning
from commands.place import dagster_home
from pipelines.errors import SettingsError
from pipelines.program import program_here
from pipelines.settings import Settings

ROOM_BYTES = 1_000_000_000


def check_folder(settings: Settings) -> Check:
    """Whether the data folder can be written to, and its disk has room."""
    subject = "data folder"
    folder = settings.data_dir
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return failed(
            subject,
            SettingsError(f"{folder} cannot be written to.", advice="Set AMOCRM_DATA_DIR to a folder of your own."),
        )
    free = shutil.disk_usage(there).free
    if free < ROOM_BYTES:
        return warning(
            subject, f"{folder}: only {free / 1e6:,.0f} MB are free on its disk.", "Make room before the disk is full."
        )
    return ok(subject, f"{folder}, {free / 1e9:,.0f} GB free.")


def check_schedule(settings: Settings) -> Check:
    """Whether Dagster loads by itself, as far as its home tells."""
    subject = "schedule"
    home = dagster_home(settings)
    if not (home / "dagster.yaml").exists():
        return ok(subject, f"Dagster was never started here; '{program_here()} dev' starts it.")
    import dagster as dg  # noqa: PLC0415 - no other check needs what takes a second to import

    from assets.housekeeping import HOUSEKEEPING  # noqa: PLC0415 - likewise

    with dg.DagsterInstance.from_config(str(home)) as instance:
        states = instance.all_instigator_state()
    if any(
        state.is_running and state.instigator_type.value == "SCHEDULE" and state.name != HOUSEKEEPING
        for state in states
    ):
        times = f"'{settings.schedule_cron}' in {settings.schedule_timezone}"
        return ok(subject, f"On, {times}, for as long as Dagster's daemon runs.")
    return ok(subject, f"Off. Switch it on in Dagster's pages, or let cron run '{program_here()} sync --all'.")
