"""Guards of the roles: what the loader may do, and whom a reader sees."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

ROLES: Final[tuple[Mutant, ...]] = (
    guard(
        "The loader may not change what was",
        "sql/statements/grant_loader.sql",
        "('segment_version', '{valid_to,end_reason}')",
        "('segment_version', '{valid_to,end_reason,name,valid_from}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader may not delete sizes",
        "sql/statements/grant_loader.sql",
        "('segment_size', '{select,insert}')",
        "('segment_size', '{select,insert,update,delete}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader may not rewrite the ledger",
        "sql/statements/grant_loader.sql",
        "('snapshot', '{select,insert}')",
        "('snapshot', '{select,insert,update,delete}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader may not note migrations",
        "sql/statements/grant_loader.sql",
        "('schema_migration', '{select}')",
        "('schema_migration', '{select,insert}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader may not hide failures",
        "sql/statements/grant_loader.sql",
        "('load_failure', '{select,insert}')",
        "('load_failure', '{select,insert,delete}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader may not forget write-backs",
        "sql/statements/grant_loader.sql",
        "('write_back', '{select,insert}')",
        "('write_back', '{select,insert,delete}')",
        "tests/integration/test_roles.py::test_the_loader_rewrites_and_defines_nothing",
    ),
    guard(
        "The loader makes no tables",
        "sql/statements/grant_loader.sql",
        "select format('grant usage on schema %I to amocrm_loader', nspname)",
        "select format('grant usage, create on schema %I to amocrm_loader', nspname)",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Rows have their readers",
        "sql/statements/isolate_readers.sql",
        "(not relation.relrowsecurity, format(",
        "(false, format(",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "A reader's rows are of its accounts",
        "sql/statements/isolate_readers.sql",
        "then 'account_id = any ((select amocrm.account_ids_read_by(current_user))::bigint[])'",
        "then 'true'",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Rows of no known account are for readers of all",
        "sql/statements/isolate_readers.sql",
        "'or (select not pg_has_role(current_user, ''amocrm_account_reader'', ''usage'') '",
        "'or (select true '",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Policies restrict",
        "sql/statements/isolate_readers.sql",
        "as restrictive for select",
        "as permissive for select",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Views run as a role that policies bind",
        "sql/statements/isolate_readers.sql",
        "and relation.relowner <> to_regrole('amocrm_views')",
        "and false",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Names of fields are in no view's columns",
        "sql/statements/isolate_readers.sql",
        "and relation.relname ~ '^segments_[0-9]+$'",
        "and false",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "Views made anew keep the rule",
        "pipelines/warehouse/migrate.py",
        "    if is_isolated(connection):\n        isolate(connection)\n",
        "",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
    guard(
        "A reader reads views, not tables",
        "sql/statements/isolate_readers.sql",
        "'grant usage on schema analytics to amocrm_account_reader'",
        "'grant usage on schema analytics, amocrm to amocrm_account_reader'",
        "tests/integration/test_roles.py::test_the_loader_publishes_a_whole_history",
    ),
)
