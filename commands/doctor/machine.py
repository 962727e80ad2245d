"""Checks of this machine: data folder and Dagster's schedule."""

from __future__ import annotations

import os
import shutil

from assets.names import HOUSEKEEPING
from commands.current_settings import dagster_home
from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import SettingsError
from pipelines.base.program import program_name
from pipelines.config.settings import Settings

MIN_FREE_BYTES = 1_000_000_000


def check_data_folder(settings: Settings) -> Check:
    """Check that the data folder is writable and its disk has free space."""
    subject = "data folder"
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if os.access(path, os.F_OK))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed(
            subject,
            SettingsError(f"{folder} is not writable.", advice="Set AMOCRM_DATA_DIR to a writable folder."),
        )
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        return warning(subject, f"{folder}: only {free / 1e6:,.0f} MB are free on its disk.", "Free some disk space.")
    return ok(subject, f"{folder}, {free / 1e9:,.0f} GB free.")


def check_schedule(settings: Settings) -> Check:
    """Check whether Dagster's load schedule is on, by the state in its home folder."""
    subject = "schedule"
    home = dagster_home(settings)
    if not os.path.lexists(home / "dagster.yaml"):
        return ok(subject, f"Dagster was never started here. '{program_name()} dev' starts it.")
    from assets.dagster_home import open_instance  # noqa: PLC0415 - Dagster takes a second to import

    try:
        with open_instance(home) as instance:
            states = instance.all_instigator_state()
    except SettingsError as error:
        return failed(subject, error)
    if any(
        state.is_running and state.instigator_type.value == "SCHEDULE" and state.name != HOUSEKEEPING
        for state in states
    ):
        times = f"'{settings.schedule_cron}' in {settings.schedule_timezone}"
        return ok(subject, f"On, {times}, while Dagster's daemon runs.")
    return ok(subject, f"Off. Turn it on in Dagster's UI, or let cron run '{program_name()} sync --all'.")
