"""Checks of this machine: data folder and Dagster's schedule."""

from __future__ import annotations

import os
import shutil

from assets.names import HOUSEKEEPING
from commands.current_settings import dagster_home
from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import SettingsError
from pipelines.base.language import lazy_gettext
from pipelines.base.program import program_name
from pipelines.config.settings import Settings

MIN_FREE_BYTES = 1_000_000_000


def check_data_folder(settings: Settings) -> Check:
    """Check that the data folder is writable and its disk has free space."""
    subject = lazy_gettext("data folder")
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if os.access(path, os.F_OK))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed(
            subject,
            SettingsError(
                lazy_gettext("%(folder)s is not writable.", folder=str(folder)),
                advice=lazy_gettext("Set AMOCRM_DATA_DIR to a writable folder."),
            ),
        )
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        return warning(
            subject,
            lazy_gettext(
                "%(folder)s: only %(megabytes)s MB are free on its disk.",
                folder=str(folder),
                megabytes=round(free / 1e6),
            ),
            lazy_gettext("Free some disk space."),
        )
    return ok(
        subject, lazy_gettext("%(folder)s, %(gigabytes)s GB free.", folder=str(folder), gigabytes=round(free / 1e9))
    )


def check_schedule(settings: Settings) -> Check:
    """Check whether Dagster's load schedule is on, by the state in its home folder."""
    subject = lazy_gettext("schedule")
    home = dagster_home(settings)
    if not os.path.lexists(home / "dagster.yaml"):
        return ok(
            subject,
            lazy_gettext("Dagster was never started here. '%(program)s dev' starts it.", program=program_name()),
        )
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
        return ok(
            subject,
            lazy_gettext(
                "On, '%(cron)s' in %(timezone)s, while Dagster's daemon runs.",
                cron=settings.schedule_cron,
                timezone=settings.schedule_timezone,
            ),
        )
    return ok(
        subject,
        lazy_gettext(
            "Off. Turn it on in Dagster's UI, or let cron run '%(program)s sync --all'.", program=program_name()
        ),
    )
