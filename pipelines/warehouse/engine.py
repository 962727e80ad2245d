"""Connections to the warehouse, and what their errors mean in our words. No statements of the warehouse's own here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pipelines.base.errors import DatabaseError, DatabaseUnavailable
from pipelines.config.database_url import parse_database_url, without_secrets
from pipelines.config.settings import Settings
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.warehouse.blockers import describe_blockers
from pipelines.warehouse.queries import statement_text

MIN_SERVER_VERSION: Final = 15

CONNECT_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "amocrm-warehouse",
    "connect_timeout": 10,
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

CONNECT_ALWAYS: Final[dict[str, Any]] = {"prepare_threshold": None}
"""No prepared statements: behind a pooler that works by transaction, another client may have their names."""

PATIENCE_SECONDS: Final = 30.0
"""How long a server without a free connection is asked again."""
PAUSE_SECONDS: Final = 0.5
FULL: Final = re.compile("too many clients|connection slots are reserved|too many connections for")

INSUFFICIENT_PRIVILEGE: Final = "42501"
"""SQLSTATE of a right that is lacking."""
LOCK_NOT_AVAILABLE: Final = "55P03"
"""SQLSTATE of a lock that was not had in time."""

DEFAULT_POOL_SIZE: Final = 5
"""Connections that are kept for whoever does not say how many threads there are."""

ADVICE_BY_SQLSTATE: Final = {
    "25006": "The server is read-only: set DATABASE_URL to the primary.",
    "2BP01": "Drop what depends on it, run again, and make it anew: what this program made, it may replace.",
    "40001": "Another transaction was in the way; running again ends in the same state as if it had not failed.",
    "40P01": "Another transaction was in the way; running again ends in the same state as if it had not failed.",
    "42501": "Grant the role of DATABASE_URL what it lacks, or set DATABASE_URL to the role that owns the schema.",
    "53100": "The server's disk is full: make room there, then run again. What is stored is intact.",
    "53300": "The server is out of connections: see in pg_stat_activity who has them, give the readers' logins a"
    " CONNECTION LIMIT, raise its max_connections, or run fewer loads at a time.",
    "55P03": "Another transaction holds what this one needs; run again when it has ended.",
    "57014": "It took longer than a statement may: look for what keeps the server busy, then run again.",
}
"""What to do about errors that have a cure of their own, by SQLSTATE."""

SQLSTATES_WITH_SAFE_DETAIL: Final = ("2BP01", "0A000")
"""SQLSTATEs whose detail names tables and views only; other details may hold values."""

CONNECTION_LOST_PREFIXES: Final = ("08", "57P")
"""Beginnings of the SQLSTATEs that mean that the connection, or the server, went away."""


HELD: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist)
"""Errors of what another session holds: a lock, or one of our views by a temporary view."""

WAITED_IN: Final[WeakKeyDictionary[psycopg.Error, Engine]] = WeakKeyDictionary()
"""Where such an error came up, by the error."""


def open_engine(url: str, *, threads: int = DEFAULT_POOL_SIZE) -> Engine:
    """Connections to the database at ``url``: one for each of the threads at least, opened when it is asked for.

    A thread needs one at a time, also while a webhook that it tells of sizes lets it wait: that keeps none of the
    others waiting. Nothing is connected to yet. Whoever connects gets ``DatabaseUnavailable`` where that fails or the
    server is too old. Raises ``SettingsError`` for an address that cannot be read.
    """
    address = parse_database_url(url)
    engine = create_engine(
        address,
        pool_size=max(threads, DEFAULT_POOL_SIZE),
        max_overflow=15,
        pool_timeout=60,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, args: tuple[Any, ...], options: dict[str, Any]
    ) -> psycopg.Connection:
        connection = _connect(address, *args, **(CONNECT_DEFAULTS | options | CONNECT_ALWAYS))
        with ExitStack() as cleanup_on_error:
            cleanup_on_error.callback(connection.close)
            _check_server_version(connection, address)
            cleanup_on_error.pop_all()
        return connection

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver: object = connection.connection.dbapi_connection  # that of a detached connection too
        assert isinstance(driver, psycopg.Connection)
        driver.execute(statement_text("session"))

    @event.listens_for(engine, "handle_error")
    def remember_engine(context: ExceptionContext) -> None:
        """Let the error's translation ask, once the transaction is over, who was in the way."""
        if isinstance(context.original_exception, HELD):
            WAITED_IN[context.original_exception] = engine

    return engine


def _connect(address: URL, *args: Any, **options: Any) -> psycopg.Connection:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return psycopg.connect(*args, **options)
        except psycopg.Error as error:
            is_full = FULL.search(str(error)) is not None
            connection_error = _connection_error(
                address, error, advice=ADVICE_BY_SQLSTATE["53300"] if is_full else None
            )
        # Outside of the handler, so that it does not carry libpq's error along, which may repeat parts of the password.
        if not is_full or time.monotonic() > ends_at:
            raise connection_error
        time.sleep(PAUSE_SECONDS)


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Engine]:
    """The warehouse that the settings name, for as long as the context lasts."""
    with database_url(settings) as url:
        engine = open_engine(url, threads=settings.threads)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Address of the database that the settings name, or of the embedded server, which then runs meanwhile.

    It holds a password. Processes started by us get it as ``DATABASE_URL``, so that one server serves them all.
    """
    if settings.database_url:
        yield settings.database_url.reveal()
    else:
        with embedded_postgres(settings.data_dir / "postgres", binaries=settings.pg_bin) as server:
            yield server.url


@contextmanager
def transaction(engine: Engine, *, account: str | None = None) -> Iterator[Connection]:
    """One transaction, committed when the context ends well; its errors are ours (see ``database_errors``)."""
    with translate_database_errors(account=account), engine.begin() as connection:
        yield connection


@contextmanager
def translate_database_errors(*, account: str | None = None) -> Iterator[None]:
    """Turn errors of SQLAlchemy and psycopg into ``DatabaseError`` or ``DatabaseUnavailable``."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseError(
            "No connection to Postgres came free for a minute.", account=account, advice="Run fewer loads at a time."
        ) from error
    except DBAPIError as error:
        raise _translate(error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error(), account) from error
    except psycopg.Error as error:
        raise _translate(error, account) from error


def _translate(error: psycopg.Error, account: str | None) -> DatabaseError:
    sqlstate = error.sqlstate or ""
    reason = (error.diag.message_primary or str(error).partition("\n")[0]).rstrip(".")
    if sqlstate in SQLSTATES_WITH_SAFE_DETAIL and error.diag.message_detail:
        reason += f" ({'; '.join(error.diag.message_detail.splitlines())})"
    if sqlstate.startswith(CONNECTION_LOST_PREFIXES) or (isinstance(error, psycopg.OperationalError) and not sqlstate):
        return DatabaseUnavailable(
            f"The connection to Postgres was lost: {reason}.",
            account=account,
            advice="What was not committed is rolled back; running again ends in the same state as without this.",
        )
    others = _in_the_way(error) if isinstance(error, HELD) else ""
    return DatabaseError(
        f"Postgres refused a statement: {reason}. {others}".rstrip(),
        account=account,
        advice=ADVICE_BY_SQLSTATE.get(sqlstate),
    )


def _in_the_way(error: psycopg.Error) -> str:
    """Name the session that holds what this one needed; empty if that cannot be found out."""
    engine = WAITED_IN.get(error)
    if engine is None:
        return ""
    with suppress(SQLAlchemyError, psycopg.Error, DatabaseError), engine.connect() as connection:
        return describe_blockers(connection)
    return ""


def _connection_error(address: URL, error: psycopg.Error, *, advice: str | None = None) -> DatabaseUnavailable:
    reason = re.sub(r"^.*(?:failed|FATAL): +", "", str(error).partition("\n")[0]).rstrip(".")
    return DatabaseUnavailable(
        f"Cannot connect to Postgres at {_format_address(address)}: {without_secrets(reason, address)}.", advice=advice
    )


def _check_server_version(connection: psycopg.Connection, address: URL) -> None:
    version = connection.info.server_version // 10_000
    if version < MIN_SERVER_VERSION:
        raise DatabaseUnavailable(
            f"The server at {_format_address(address)} is PostgreSQL {version}; {MIN_SERVER_VERSION} or newer is needed.",
            advice="Upgrade it, or set DATABASE_URL to a newer server.",
        )


def _format_address(address: URL) -> str:
    return f"{address.host or 'this machine'}:{address.port or 5432}/{address.database or ''}"
