"""``superset``: run Apache Superset with our dashboards on the warehouse."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Final

import click
from sqlalchemy import URL

from commands.current_settings import load_current_settings
from commands.demo.options import demo_option, select_demo, select_settings
from commands.project_files import PROJECT_FOLDER
from commands.psql import settings_for
from commands.superset.chart_check import check_charts
from commands.superset.environment import prepare_environment
from commands.superset.translation import translate_dashboards
from commands.supervised_process import HOST, raise_if_port_taken, supervised, wait_until_ready
from commands.terminal_language import terminal_language
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import WarehouseError
from pipelines.base.language import ENGLISH
from pipelines.base.private_path import make_private
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.tool_login import reader_url

LOGIN: Final = "amocrm_superset"
USER: Final = "admin"
PASSED: Final = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "TERM")
)
CODE_FOLDER: Final = Path(__file__).parent
DASHBOARDS_FOLDER: Final = PROJECT_FOLDER / "docs/dashboards"


@click.command()
@demo_option
@click.option("--port", type=click.IntRange(1, 65535), default=8088, show_default=True, help="Port of Superset's UI.")
@click.option("--check", "is_check", is_flag=True, help="Query the data of every chart, report failures, and stop.")
def command(demo: str | None, port: int, *, is_check: bool) -> None:
    """Run Apache Superset with dashboards on the warehouse. Ctrl-C stops it.

    The first run installs Superset in an environment in the data folder. Superset connects with the login
    amocrm_superset, which is created for it and reads only the schema analytics, or with the login of DATABASE_URL if
    that is a reader's. Your changes of dashboards are kept until an update replaces them.
    """
    raise_if_port_taken(port)
    folder = superset_folder(demo)
    python = prepare_environment(folder, DASHBOARDS_FOLDER / "requirements.lock")
    password = secrets.token_urlsafe(12)
    files = dashboard_files(folder, demo)
    with settings_for(demo) as settings, open_warehouse(settings) as engine:
        address = reader_url(engine, LOGIN)
        log = folder / "superset.log"
        environment = superset_environment(folder, files, port, password, address)
        with supervised([python, CODE_FOLDER / "serve.py"], log=log, folder=folder, environment=environment) as process:
            click.echo("Starting Superset; the first start also creates its database …", err=True)
            wait_until_ready(process, port, name="Superset", log=log)
            url = f"http://{HOST}:{port}"
            if is_check:
                check_charts(url, USER, password)
                return
            click.echo(
                f"Superset is at {url}/superset/dashboard/amocrm-segments/ (and …/amocrm-stages/)\n"
                f"User {USER}, password {password} (new at each start). Its log is {log}. Ctrl-C stops it."
            )
            process.wait()
    raise WarehouseError("Superset stopped unexpectedly.", advice=f"See its log: {log}.")


def superset_folder(demo: str | None) -> Path:
    """Create and return Superset's folder in the data folder, which the demo and the user's own data share."""
    home = select_demo(demo)
    folder = (home.folder.parents[1] if home else load_current_settings().data_dir) / "superset"
    make_private(folder)
    folder.chmod(0o700)
    key = folder / "secret_key"
    if not key.exists():
        write_file(key, secrets.token_urlsafe(48).encode())
    return folder.absolute()


def dashboard_files(folder: Path, demo: str | None) -> Path:
    """Return the folder of the dashboard files; in another language than English it is a copy in Superset's folder."""
    source, language = DASHBOARDS_FOLDER / "superset", terminal_language(select_settings(demo).language)
    if language == ENGLISH:
        return source
    translated = folder / "dashboards"
    shutil.rmtree(translated, ignore_errors=True)
    translate_dashboards(source, translated, language)
    return translated


def superset_environment(folder: Path, files: Path, port: int, password: str, address: URL) -> dict[str, str]:
    """Return the environment for Superset: only what programs and libpq need.

    Tokens may be in variables of any name, which accounts.toml names.
    """
    other_variables = {
        name: text for name, text in os.environ.items() if name in PASSED or name.startswith(("LC_", "PG"))
    }
    if address.password is not None:
        other_variables.pop("PGPASSWORD", None)  # of another login
    return other_variables | {
        "AMOCRM_SUPERSET_FOLDER": str(folder),
        "AMOCRM_SUPERSET_FILES": str(files.absolute()),
        "AMOCRM_SUPERSET_PORT": str(port),
        "AMOCRM_SUPERSET_PASSWORD": password,
        "AMOCRM_SUPERSET_DATABASE": address.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
        "SUPERSET_CONFIG_PATH": str(CODE_FOLDER / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app",
    }
