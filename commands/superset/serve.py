"""Prepare Superset and serve it. Runs in Superset's environment, without this project's packages.

Parameters and passwords are passed in environment variables, which other users of the machine cannot see.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from flask_migrate import upgrade  # type: ignore[import-untyped]
from superset.app import create_app  # type: ignore[import-not-found]
from werkzeug.serving import make_server  # type: ignore[import-not-found]

USER: Final = "admin"
METADATA: Final = "metadata.yaml"
DATABASE: Final = "databases/warehouse.yaml"


def main() -> None:
    """Prepare Superset if needed, and serve it."""
    folder = Path(os.environ["AMOCRM_SUPERSET_FOLDER"])
    files = read_dashboards(Path(os.environ["AMOCRM_SUPERSET_FILES"]))
    address = os.environ["AMOCRM_SUPERSET_DATABASE"]
    state_file = folder / "state.json"
    previous = read_state(state_file)
    if not previous:  # an interrupted first start: nobody has used the database yet
        (folder / "superset.db").unlink(missing_ok=True)
    app = create_app()
    state = {
        "version": app.config["VERSION_STRING"],
        "files": hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
    }
    with app.app_context():
        if previous.get("version") != state["version"]:
            upgrade_metadata_database()
        set_admin(os.environ["AMOCRM_SUPERSET_PASSWORD"])
        if previous.get("files") != state["files"]:
            import_dashboards(files, address)
        else:
            set_database_url(files, address)
    if previous != state:
        unfinished = state_file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(state), encoding="utf-8")
        unfinished.rename(state_file)
    make_server("127.0.0.1", int(os.environ["AMOCRM_SUPERSET_PORT"]), app, threaded=True).serve_forever()


def read_dashboards(root: Path) -> dict[str, str]:
    """Read the dashboards for Superset's import: texts by path."""
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.yaml"))
    }


def read_state(file: Path) -> Mapping[str, str]:
    """Read the state of the last preparation."""
    with suppress(FileNotFoundError):
        found: Mapping[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return found
    return {}


def upgrade_metadata_database() -> None:
    """Create or update Superset's own tables, roles and rights."""
    extensions = superset_extensions()
    upgrade()
    extensions.appbuilder.add_permissions(update_perms=True)
    extensions.security_manager.sync_role_definitions()


def set_admin(password: str) -> None:
    """Create the admin, or set the password of this run."""
    users = superset_extensions().security_manager
    user = users.find_user(USER)
    if user is None:
        users.add_user(USER, "Admin", "of this machine", "admin@localhost", users.find_role("Admin"), password)
    else:
        users.reset_password(user.id, password)


def import_dashboards(files: Mapping[str, str], address: str) -> None:
    """Import the dashboards, replacing earlier ones."""
    from superset.commands.importers.v1.assets import ImportAssetsCommand  # type: ignore[import-not-found]  # noqa: PLC0415
    from superset.utils.core import override_user  # type: ignore[import-not-found]  # noqa: PLC0415

    changed: dict[str, dict[str, Any]] = {
        METADATA: yaml.safe_load(files[METADATA]) | {"type": "assets"},
        DATABASE: yaml.safe_load(files[DATABASE]) | {"sqlalchemy_uri": address},
    }
    texts = {path: json.dumps(content) for path, content in changed.items()}  # JSON is YAML
    with override_user(superset_extensions().security_manager.find_user(USER)):
        ImportAssetsCommand({**files, **texts}).run()


def set_database_url(files: Mapping[str, str], address: str) -> None:
    """Set the database of the imported dashboards."""
    from superset.models.core import Database  # type: ignore[import-not-found]  # noqa: PLC0415

    session = superset_extensions().db.session
    session.query(Database).filter_by(uuid=yaml.safe_load(files[DATABASE])["uuid"]).one().set_sqlalchemy_uri(address)
    session.commit()


def superset_extensions() -> Any:
    """Import Superset's global objects, which exist once an app does."""
    from superset import extensions  # type: ignore[import-not-found]  # noqa: PLC0415

    return extensions


if __name__ == "__main__":
    main()
