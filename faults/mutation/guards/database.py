"""Guards of connections, of migrations, and of tables made anew."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

DATABASE: Final[tuple[Mutant, ...]] = (
    guard(
        "A statement has a time",
        "sql/statements/session.sql",
        "set_config('statement_timeout', '10min', false)",
        "set_config('statement_timeout', '0', false)",
        "tests/integration/test_engine.py",
    ),
    guard(
        "A lock is waited for within bounds",
        "sql/statements/session.sql",
        "set_config('lock_timeout', '1min', false)",
        "set_config('lock_timeout', '0', false)",
        "tests/integration/test_engine.py",
    ),
    guard(
        "Sessions are in UTC",
        "sql/statements/session.sql",
        "set_config('timezone', 'UTC', false)",
        "set_config('timezone', 'Asia/Tokyo', false)",
        "tests/integration/test_engine.py",
    ),
    guard(
        "Values are not in the database's errors",
        "pipelines/warehouse/engine.py",
        "hide_parameters=True",
        "hide_parameters=False",
        "tests/integration/test_engine.py",
        "secrets: the database's password",
    ),
    guard(
        "A detail that may hold values is not told",
        "pipelines/warehouse/engine.py",
        "if state in NAMES_OBJECTS and error.diag.message_detail:",
        "if error.diag.message_detail:",
        "tests/integration/test_engine.py::test_values_that_postgres_tells_of_are_not_repeated",
    ),
    guard(
        "The database's password is in no message",
        "pipelines/warehouse/engine.py",
        'said = said.replace(str(password), "***")',
        "pass",
        "tests/integration/test_engine.py::test_a_password_that_is_the_users_name_is_not_told",
    ),
    guard(
        "libpq's own error is not carried along",
        "pipelines/warehouse/engine.py",
        "        unavailable = _unavailable(address, error)\n",
        "        raise _unavailable(address, error) from error\n",
        "tests/integration/test_engine.py",
        "secrets: the database's password",
    ),
    guard(
        "An old server is refused",
        "pipelines/warehouse/engine.py",
        "    if version < OLDEST_SERVER:",
        "    if False:",
        "tests/integration/test_engine.py",
    ),
    guard(
        "One process migrates at a time",
        "sql/statements/schema_lock.sql",
        ", pg_advisory_lock(hashtextextended('amocrm.schema_migration', 0))",
        "",
        "tests/integration/test_migrate.py",
    ),
    guard(
        "An edited migration is refused",
        "pipelines/warehouse/migrate.py",
        "row.name != migration.name or row.checksum != migration.checksum",
        "row.name != migration.name",
        "tests/integration/test_migrate.py",
    ),
    guard(
        "A newer database is refused",
        "pipelines/warehouse/migrate.py",
        "    if len(applied) > len(migrations):",
        "    if False:",
        "tests/integration/test_migrate.py",
    ),
    guard(
        "Whoever changes tables and views gives way to readers",
        "pipelines/warehouse/giving_way.py",
        "            if _are_had(connection, locks):",
        "            if True:",
        "tests/integration/test_giving_way.py",
    ),
    guard(
        "Others' views are not dropped",
        "pipelines/warehouse/migrate.py",
        "drop view if exists {}",
        "drop view if exists {} cascade",
        "tests/integration/test_migrate.py",
    ),
    guard(
        "A schema that is not this program's is not loaded into",
        "pipelines/warehouse/migrate.py",
        "    if todo:\n        raise",
        "    if False:\n        raise",
        "tests/integration/test_migrate.py",
    ),
    guard(
        "A rebuild finds what differs",
        "pipelines/rebuild.py",
        "return not self.only_stored and not self.only_rebuilt",
        "return True",
        "tests/integration/test_rebuild.py::test_a_forgery_is_found",
    ),
)
