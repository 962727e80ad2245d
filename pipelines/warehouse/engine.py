"""Connections to the warehouse, transactions, and the translation of database errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
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
from pipelines.warehouse.queries import execute_as_is, statement_text

MIN_SERVER_VERSION: Final = 15

CONNECT_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "amocrm-warehouse",
    "connect_timeout": 10,
    # Detects a dead connection within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

CONNECT_ALWAYS: Final[dict[str, Any]] = {"prepare_threshold": None, "client_encoding": "UTF8"}
"""No prepared statements: behind a pooler in transaction mode, another client may use the same
names."""

ENCODING: Final = "UTF8"
"""Encoding that the database must have, so that it can store every text."""

CONNECT_RETRY_SECONDS: Final = 30.0
"""Time for which connecting is retried if the server has no free connection."""
CONNECT_RETRY_PAUSE_SECONDS: Final = 0.5
NO_FREE_CONNECTION: Final = re.compile("too many clients|connection slots are reserved|too many connections for")

# SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
FEATURE_NOT_SUPPORTED: Final = "0A000"
UNIQUE_VIOLATION: Final = "23505"
READ_ONLY_TRANSACTION: Final = "25006"
DEPENDENT_OBJECTS: Final = "2BP01"
SERIALIZATION_FAILURE: Final = "40001"
DEADLOCK_DETECTED: Final = "40P01"
INSUFFICIENT_PRIVILEGE: Final = "42501"
DUPLICATE_SCHEMA: Final = "42P06"
DUPLICATE_TABLE: Final = "42P07"
INVALID_TABLE_DEFINITION: Final = "42P16"
DISK_FULL: Final = "53100"
OUT_OF_MEMORY: Final = "53200"
TOO_MANY_CONNECTIONS: Final = "53300"
LOCK_NOT_AVAILABLE: Final = "55P03"
QUERY_CANCELED: Final = "57014"

DEFAULT_POOL_SIZE: Final = 5
"""Pool size if the caller names no number of threads."""

READ_ONLY_ADVICE: Final = (
    "If the server is read-only: set DATABASE_URL to the primary. If it is the primary, reset"
    " default_transaction_read_only of the role or database."
)

ADVICE_BY_SQLSTATE: Final = {
    READ_ONLY_TRANSACTION: READ_ONLY_ADVICE,
    DEPENDENT_OBJECTS: "Drop what depends on it, run again, and re-create it. This program may replace its own views.",
    SERIALIZATION_FAILURE: "Another transaction conflicted with this one; it is safe to run again.",
    DEADLOCK_DETECTED: "Another transaction conflicted with this one; it is safe to run again.",
    INSUFFICIENT_PRIVILEGE: "Grant the privilege to the role of DATABASE_URL, or set that to the schema's owner.",
    DISK_FULL: "The server's disk is full: make room there, then run again. The stored data are intact.",
    OUT_OF_MEMORY: "The server is out of memory, or of locks: raise its max_locks_per_transaction to 64 or more.",
    TOO_MANY_CONNECTIONS: "The server is out of connections: see in pg_stat_activity who has them, give the readers'"
    " logins a CONNECTION LIMIT, raise its max_connections, or run fewer loads at a time.",
    LOCK_NOT_AVAILABLE: "Another transaction holds a lock that this one needs; run again when it has ended.",
    QUERY_CANCELED: "A statement exceeded its time limit: look for what keeps the server busy, then run again.",
}
"""Advice for errors that have a specific remedy."""

ADVICE_BY_REASON: Final = {
    "unsupported startup parameter": "The pooler rejects a parameter of DATABASE_URL: remove it there, or add it to"
    " ignore_startup_parameters of PgBouncer.",
}
"""Advice for errors of connecting, which have no SQLSTATE, by a part of their text."""

SQLSTATES_WITH_SAFE_DETAIL: Final = (DEPENDENT_OBJECTS, FEATURE_NOT_SUPPORTED)
"""SQLSTATEs whose detail names only tables and views; other details may contain values."""

CONNECTION_LOST_PREFIXES: Final = ("08", "57P")
"""Prefixes of the SQLSTATEs of a lost connection or a server shutdown."""

BLOCKED_ERRORS: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist)
"""Errors caused by another session: it holds a lock, or has a temporary view on one of our
views."""

ENGINE_BY_ERROR: Final[WeakKeyDictionary[psycopg.Error, Engine]] = WeakKeyDictionary()
"""Engine in which each of the blocked errors was raised."""


def open_engine(url: str, *, threads: int = DEFAULT_POOL_SIZE) -> Engine:
    """Create the engine of the database at ``url``, with at least one pooled connection per thread.

    A thread uses one connection at a time, also while it waits for a webhook, so threads never wait
    for each other's connections. Connections are opened on first use; opening one raises
    ``DatabaseUnavailable`` if it fails or if the server is too old. Raises ``SettingsError`` for an
    invalid address.
    """
    address = parse_database_url(url)
    engine = create_engine(
        address,
        pool_size=max(threads, DEFAULT_POOL_SIZE),
        max_overflow=15,
        pool_timeout=60,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # regardless of default_transaction_isolation
    )

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, args: tuple[Any, ...], options: dict[str, Any]
    ) -> psycopg.Connection:
        """Connect, and close the connection if the server is too old."""
        connection = _connect(address, *args, **(CONNECT_DEFAULTS | options | CONNECT_ALWAYS))
        with ExitStack() as cleanup_on_error:
            cleanup_on_error.callback(connection.close)
            _check_server(connection, address)
            cleanup_on_error.pop_all()
        return connection

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver: object = connection.connection.dbapi_connection  # set for a detached connection, too
        assert isinstance(driver, psycopg.Connection)
        driver.execute(statement_text("session"))

    @event.listens_for(engine, "handle_error")
    def remember_engine(context: ExceptionContext) -> None:
        """Keep the engine, so that the error's translation can look up the blocking session after the rollback."""
        if isinstance(context.original_exception, BLOCKED_ERRORS):
            ENGINE_BY_ERROR[context.original_exception] = engine

    return engine


def _connect(address: URL, *args: Any, **options: Any) -> psycopg.Connection:
    """Connect; retry while the server has no free connection. Raises ``DatabaseUnavailable``."""
    deadline = time.monotonic() + CONNECT_RETRY_SECONDS
    while True:
        try:
            return psycopg.connect(*args, **options)
        except (psycopg.Error, ValueError, OSError) as error:  # the latter two: a host that cannot be resolved
            is_full = NO_FREE_CONNECTION.search(str(error)) is not None
            advice = ADVICE_BY_SQLSTATE[TOO_MANY_CONNECTIONS] if is_full else _advice_for_connecting(str(error))
            connection_error = _connection_error(address, error, advice=advice)
        # Raised outside of the handler: libpq's error, which may quote parts of the password, must
        # not be its context.
        if not is_full or time.monotonic() > deadline:
            raise connection_error
        time.sleep(CONNECT_RETRY_PAUSE_SECONDS)


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Engine]:
    """Open the warehouse of the settings for the duration of the context."""
    with database_url(settings) as url:
        engine = open_engine(url, threads=settings.threads)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Yield the address of the settings' database, or start the embedded server for the duration of the context.

    The address contains a password. Child processes get it as ``DATABASE_URL``, so that they share
    one server.
    """
    if settings.database_url:
        yield settings.database_url.reveal()
    else:
        with embedded_postgres(settings.data_dir / "postgres", binaries=settings.pg_bin) as server:
            yield server.url


@contextmanager
def transaction(engine: Engine, *, account: str | None = None) -> Iterator[Connection]:
    """Run one transaction: commit at the end, roll back on an error. Raises ``DatabaseError``.

    A signal's exception closes the connection: the driver may still be reading a result, and an error of
    cleaning up would take the exception's place.
    """
    with translate_database_errors(account=account), engine.begin() as connection:
        try:
            yield connection
        except Exception:
            raise
        except BaseException:
            connection.invalidate()
            raise


@contextmanager
def translate_database_errors(*, account: str | None = None) -> Iterator[None]:
    """Translate errors of SQLAlchemy and psycopg to ``DatabaseError`` or ``DatabaseUnavailable``."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseError(
            "No connection of the pool became free for a minute.", account=account, advice="Run fewer loads at a time."
        ) from error
    except DBAPIError as error:
        original = error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error()
        _hide_details(original, error)
        raise _translate(original, account) from error
    except psycopg.Error as error:
        _hide_details(error)
        raise _translate(error, account) from error


def _hide_details(error: psycopg.Error, *wrappers: Exception) -> None:
    """Reduce the texts of an error to Postgres' sentence: its details quote rows, and tracebacks show them."""
    if error.diag.message_primary:
        for one in (error, *wrappers):
            one.args = (error.diag.message_primary,)


def sqlstate_of(error: DBAPIError) -> str | None:
    """Return Postgres' error code; None if the error is not from Postgres."""
    return getattr(error.orig, "sqlstate", None)


def execute_or_clear(
    connection: Connection, statements: Sequence[str], conflicts: Collection[str], clear: Callable[[], object]
) -> None:
    """Execute the statements.

    If they fail with one of the SQLSTATEs in ``conflicts``, call ``clear`` and repeat.
    """
    try:
        with connection.begin_nested():
            for one in statements:
                execute_as_is(connection, one)
    except DBAPIError as error:
        if sqlstate_of(error) not in conflicts:
            raise
        clear()
        for one in statements:
            execute_as_is(connection, one)


def _translate(error: psycopg.Error, account: str | None) -> DatabaseError:
    """Convert a driver's error to ours: ``DatabaseUnavailable`` if the connection was lost, else ``DatabaseError``."""
    sqlstate = error.sqlstate or ""
    reason = (error.diag.message_primary or str(error).partition("\n")[0]).rstrip(".")
    if sqlstate in SQLSTATES_WITH_SAFE_DETAIL and error.diag.message_detail:
        reason += f" ({'; '.join(error.diag.message_detail.splitlines())})"
    if "statement pooling" in reason:
        return DatabaseUnavailable(
            "The pooler of DATABASE_URL uses statement pooling, in which no transaction is possible.",
            account=account,
            advice="Set it to transaction or session pooling, or DATABASE_URL to the server itself.",
        )
    if sqlstate.startswith(CONNECTION_LOST_PREFIXES) or (isinstance(error, psycopg.OperationalError) and not sqlstate):
        return DatabaseUnavailable(
            f"The connection to Postgres was lost: {reason}.",
            account=account,
            advice="Uncommitted changes are rolled back; it is safe to run again.",
        )
    blockers = _describe_error_blockers(error) if isinstance(error, BLOCKED_ERRORS) else ""
    return DatabaseError(
        f"Postgres rejected a statement: {reason}. {blockers}".rstrip(),
        account=account,
        advice=ADVICE_BY_SQLSTATE.get(sqlstate),
    )


def _describe_error_blockers(error: psycopg.Error) -> str:
    """Name the sessions that caused the error; empty if they cannot be determined."""
    engine = ENGINE_BY_ERROR.get(error)
    if engine is None:
        return ""
    with suppress(SQLAlchemyError, psycopg.Error, DatabaseError), engine.connect() as connection:
        return describe_blockers(connection)
    return ""


def _advice_for_connecting(reason: str) -> str | None:
    """Return the remedy for errors of connecting that have one."""
    return next((advice for part, advice in ADVICE_BY_REASON.items() if part in reason), None)


def _connection_error(address: URL, error: Exception, *, advice: str | None = None) -> DatabaseUnavailable:
    reason = re.sub(r"^.*(?:failed|FATAL): +", "", str(error).partition("\n")[0]).rstrip(".")
    return DatabaseUnavailable(
        f"Cannot connect to Postgres at {_format_address(address)}: {without_secrets(reason, address)}.", advice=advice
    )


def _check_server(connection: psycopg.Connection, address: URL) -> None:
    """Raise ``DatabaseUnavailable`` if the server is too old or the database has another encoding than UTF8."""
    version = connection.info.server_version // 10_000
    if version < MIN_SERVER_VERSION:
        raise DatabaseUnavailable(
            f"The server at {_format_address(address)} is PostgreSQL {version}; {MIN_SERVER_VERSION} or newer is"
            " required.",
            advice="Upgrade it, or set DATABASE_URL to a newer server.",
        )
    encoding = connection.info.parameter_status("server_encoding") or ENCODING
    if encoding != ENCODING:
        raise DatabaseUnavailable(
            f"The database at {_format_address(address)} has the encoding {encoding}; {ENCODING} is required.",
            advice="Create one with: create database warehouse encoding 'UTF8' template template0; and set"
            " DATABASE_URL to it. Add locale 'C' if Postgres says that the locale does not fit.",
        )


def _format_address(address: URL) -> str:
    return f"{address.host or 'this machine'}:{address.port or 5432}/{address.database or ''}"
