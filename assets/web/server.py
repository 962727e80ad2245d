"""Program ``amocrm-dagster-webserver``: Dagster's web server behind the guard, with the options of the original.

This is the only module that uses internals of Dagster's web server.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from dagster_webserver import cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.middleware import Middleware

from assets.dagster_internals import IWorkspaceProcessContext
from assets.web.guard import Guard
from assets.web.rules import OwnNames
from assets.web.session import LOGIN_KEY, LOGIN_PATH, Sessions
from pipelines.base.errors import SettingsError
from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import Settings, web_settings

SECRET: Final = "AMOCRM_DAGSTER_SECRET"  # noqa: S105 - its name

MAKER: Final = "create_app_from_workspace_process_context"
"""Function of Dagster's program that creates the ASGI application; ours replaces it."""

PROGRAM: Final = "amocrm-dagster-webserver"


class GuardedWebserver(DagsterWebserver):  # type: ignore[type-arg,misc,unused-ignore]
    """Dagster's web server behind the guard."""

    def __init__(self, *arguments: Any, guard: Middleware, **named: Any) -> None:
        """Take the arguments of Dagster's class, and the guard."""
        self._guard = guard
        super().__init__(*arguments, **named)

    def build_middleware(self) -> list[Middleware]:
        """Put the guard first."""
        return [self._guard, *super().build_middleware()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    key = os.environ.pop(LOGIN_KEY, "")
    try:
        settings = web_settings(os.environ, settings_folder(os.environ, Path.cwd()))
    except SettingsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    os.environ.pop(SECRET, None)  # code servers and runs would inherit it
    vars(cli)[MAKER] = _app_maker(settings, key)
    cli.cli(
        args=list(sys.argv[1:] if arguments is None else arguments),
        prog_name=PROGRAM,
        auto_envvar_prefix="DAGSTER_WEBSERVER",
    )


def _app_maker(settings: Settings, given_key: str) -> Any:
    """Return the replacement for Dagster's function that creates the application."""

    def create_app(
        workspace_process_context: IWorkspaceProcessContext[Any],
        path_prefix: str = "",
        live_data_poll_rate: int | None = None,
        **named: Any,
    ) -> Starlette:
        """Build Dagster's application behind the guard, and print the login address."""
        options = click.get_current_context().params
        port = options.get("port") or cli.DEFAULT_WEBSERVER_PORT
        key = given_key or secrets.token_urlsafe(32)
        guard = Middleware(
            Guard,
            names=OwnNames(hosts=settings.dagster_hosts, url=settings.dagster_url),
            sessions=Sessions(
                secret=settings.dagster_secret.reveal() if settings.dagster_secret else secrets.token_urlsafe(32),
                login_key=key,
                port=port,
                path_prefix=path_prefix,
            ),
        )
        if not given_key:
            base = settings.dagster_url or f"http://127.0.0.1:{port}{path_prefix}"
            click.echo(f"Open {base}{LOGIN_PATH}?key={key} to log in. The address works once.")
        server = GuardedWebserver(workspace_process_context, path_prefix, live_data_poll_rate, guard=guard)
        return server.create_asgi_app(**named)

    return create_app


if __name__ == "__main__":
    main()
