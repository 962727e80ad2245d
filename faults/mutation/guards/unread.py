"""Guards of loads that are not read, since they say what was said before."""

# ruff: noqa: E501 - code is quoted in one piece

from typing import Final

from faults.mutation.mutant import Mutant, guard

UNREAD: Final[tuple[Mutant, ...]] = (
    guard(
        "An answer is the same only byte for byte",
        "pipelines/amocrm/client.py",
        "if answer is None or Said.of(answer) != replace(one, is_accepted=False):",
        "if answer is None:",
        "tests/integration/test_unread_load.py::test_tables_are_those_that_reading_makes",
    ),
    guard(
        "A load that asked for single things is not repeated",
        "pipelines/amocrm/said.py",
        'if answer.resource != "account" and answer.resource not in LIST_PATHS:',
        "if False:",
        "tests/unit/amocrm/test_said.py::test_a_load_that_asked_for_single_things_is_not_remembered",
    ),
    guard(
        "An account that changed meanwhile is not remembered",
        "pipelines/amocrm/said.py",
        "if before is not None and before.is_accepted and before != said:",
        "if False:",
        "tests/unit/amocrm/test_said.py::test_an_account_that_changed_meanwhile_is_not_remembered",
    ),
    guard(
        "Only a newer snapshot's answers are remembered",
        "sql/statements/remember_answers.sql",
        "where newest_answers.observed_at < excluded.observed_at",
        "",
        "tests/integration/test_unread_load.py::test_what_a_newer_snapshot_was_read_from_stays_remembered",
    ),
    guard(
        "Answers are remembered only when the load is done",
        "pipelines/load.py",
        "if is_shown and said is not None:",
        "if said is not None:",
        "tests/integration/test_unread_load.py::test_a_wide_view_that_is_being_read_is_followed_by_the_next_load",
    ),
    guard(
        "Unread: other code reads anew",
        "pipelines/warehouse/newest.py",
        " or row.reading_code != READING_CODE",
        "",
        "tests/integration/test_unread_load.py::test_other_code_is_not_even_compared_with",
    ),
    guard(
        "Unread: a wide view that is gone is made anew",
        "pipelines/warehouse/newest.py",
        " or (row.field_count and not row.has_wide_view)",
        "",
        "tests/integration/test_unread_load.py::test_what_is_not_known_for_sure_is_read",
    ),
    guard(
        "Unread: the account's row is locked",
        "pipelines/warehouse/newest.py",
        '    connection.execute(statement("lock_account"), {"account_id": account_id})\n',
        "",
        "tests/integration/test_unread_load.py::test_a_snapshot_that_is_being_published_is_waited_for",
    ),
    guard(
        "Unread: no snapshot came between",
        "sql/statements/repeat_snapshot.sql",
        "snapshot as newer\n            where newer.account_id = :account_id and newer.observed_at > :compared_at",
        "snapshot as newer\n            where newer.account_id = :account_id and newer.observed_at > :compared_at and false",
        "tests/integration/test_unread_load.py::test_older_program_that_knows_nothing_of_this_is_noticed",
    ),
    guard(
        "Unread: the code that publishes is the code that compared",
        "sql/statements/repeat_snapshot.sql",
        "        and answers.reading_code = :reading_code\n",
        "",
        "tests/integration/test_unread_load.py::test_what_changes_between_comparing_and_publishing_is_noticed",
    ),
    guard(
        "Unread: the account's key is the same",
        "sql/statements/repeat_snapshot.sql",
        "        and account.account_key = :account_key\n",
        "",
        "tests/integration/test_unread_load.py::test_what_changes_between_comparing_and_publishing_is_noticed",
    ),
    guard(
        "Unread: the account's host is the same",
        "sql/statements/repeat_snapshot.sql",
        "        and account.host = :host\n",
        "",
        "tests/integration/test_unread_load.py::test_what_changes_between_comparing_and_publishing_is_noticed",
    ),
    guard(
        "Unread: a load that is not newer is refused",
        "sql/statements/repeat_snapshot.sql",
        "        and :observed_at > :compared_at\n",
        "",
        "tests/integration/test_unread_load.py::test_load_that_is_not_newer_is_refused",
    ),
    guard(
        "Unread: what is remembered moves on",
        "sql/statements/repeat_snapshot.sql",
        "    set observed_at = :observed_at\n",
        "    set observed_at = answers.observed_at\n",
        "tests/integration/test_unread_load.py::test_tables_are_those_that_reading_makes",
    ),
    guard(
        "Unread: a new day has its rows",
        "sql/statements/repeat_snapshot.sql",
        "where newest.observed_date <> :observed_date",
        "where false",
        "tests/integration/test_unread_load.py::test_tables_are_those_that_reading_makes",
    ),
    guard(
        "Unread: its answers are kept",
        "pipelines/load.py",
        "                if settings.raw_retention_days > 0:\n",
        "                if False:\n",
        "tests/integration/test_unread_load.py::test_its_answers_are_kept_like_any_others",
    ),
    guard(
        "Unread: nobody else published meanwhile",
        "pipelines/load.py",
        "        if loaded is not None:\n            return loaded\n",
        "        return loaded\n",
        "tests/integration/test_unread_load.py::test_load_that_comes_too_late_to_be_left_unread_keeps_its_answers",
    ),
    guard(
        "Which code reads is known by all of it",
        "pipelines/reading_code.py",
        "found.update(path.read_bytes())",
        "pass",
        "tests/integration/test_unread_load.py::test_code_is_known_by_its_sources",
    ),
)
