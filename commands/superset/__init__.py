"""``superset``: Apache Superset with our dashboards on the warehouse, on this machine, for as long as it runs."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import click
from sqlalchemy import URL

from commands.demo.choice import chosen_demo, demo_option
from commands.leash import HOST, leashed, refuse_taken_port, wait_until_ready
from commands.place import settings_here
from commands.psql import settings_for
from commands.superset.check import check_charts
from commands.superset.environment import superset_python
from pipelines.atomic_file import write_file
from pipelines.errors import SettingsError, WarehouseError
from pipelines.private_path import make_private
from pipelines.warehouse.engine import warehouse
from pipelines.warehouse.tool_login import reader_address

LOGIN: Final = "amocrm_superset"
USER: Final = "admin"
PASSED: Final = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "TERM")
)
FILES: Final = Path("docs/dashboards")
CODE: Final = Path(__file__).parent


@click.command()
@demo_option
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8088, show_default=True, help="Port of Superset's pages."
)
@click.option("--check", "is_check", is_flag=True, help="Ask for the data of every chart, say what fails, and end.")
def command(demo: str | None, port: int, *, is_check: bool) -> None:
    """Run Apache Superset with dashboards on the warehouse. Ctrl-C ends it.

    The first time it is installed, in an environment of its own in the data folder. It connects by the login
    amocrm_superset, which is made for it and reads the schema analytics only; where DATABASE_URL is a reader's login,
    by that one. Dashboards that you change stay as you changed them until an update brings new ones.
    """
    if not FILES.is_dir():
        raise SettingsError("The dashboards are not here.", advice="Call this in a clone of the project.")
    refuse_taken_port(port)
    folder = superset_folder(demo)
    python = superset_python(folder, FILES / "requirements.lock")
    password = secrets.token_urlsafe(12)
    with settings_for(demo) as settings, warehouse(settings) as engine:
        address = reader_address(engine, LOGIN)
        log = folder / "superset.log"
        environment = superset_environment(folder, port, password, address)
        with leashed([python, CODE / "serve.py"], log=log, folder=folder, environment=environment) as process:
            click.echo("Superset starts; the first time it also makes its own database …", err=True)
            wait_until_ready(process, port, name="Superset", log=log)
            pages = f"http://{HOST}:{port}"
            if is_check:
                check_charts(pages, USER, password)
                return
            click.echo(
                f"Superset is at {pages}/superset/dashboard/amocrm-segments/ (and …/amocrm-stages/)\n"
                f"User {USER}, password {password} (a new one each time). Its log is {log}. Ctrl-C ends it."
            )
            process.wait()
    raise WarehouseError("Superset ended by itself.", advice=f"Its log says why: {log}.")


def superset_folder(demo: str | None) -> Path:
    """Where Superset lives: in the data folder, one for the demo's data and the user's own."""
    home = chosen_demo(demo)
    folder = (home.folder.parents[1] if home else settings_here().data_dir) / "superset"
    make_private(folder)
    folder.chmod(0o700)
    key = folder / "secret_key"
    if not key.exists():
        write_file(key, secrets.token_urlsafe(48).encode())
    return folder.absolute()


def superset_environment(folder: Path, port: int, password: str, address: URL) -> dict[str, str]:
    """Environment of Superset: nothing of the user's but what programs and libpq need.

    Tokens may be in variables of any name, which accounts.toml says.
    """
    others = {name: text for name, text in os.environ.items() if name in PASSED or name.startswith(("LC_", "PG"))}
    if address.password is not None:
        others.pop("PGPASSWORD", None)  # of another login
    return others | {
        "AMOCRM_SUPERSET_FOLDER": str(folder),
        "AMOCRM_SUPERSET_FILES": str((FILES / "superset").absolute()),
        "AMOCRM_SUPERSET_PORT": str(port),
        "AMOCRM_SUPERSET_PASSWORD": password,
        "AMOCRM_SUPERSET_DATABASE": address.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
        "SUPERSET_CONFIG_PATH": str(CODE / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app",
    }
