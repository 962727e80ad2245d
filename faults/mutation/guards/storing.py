"""Guards in keeping and publishing: all or nothing, once, in order."""

# ruff: noqa: E501 - code is quoted in one piece

from typing import Final

from faults.mutation.mutant import Mutant, guard

STORING: Final[tuple[Mutant, ...]] = (
    guard(
        "Answers are kept before they are published",
        "pipelines/ask.py",
        "        if newest is None:\n            keep(engine, extracted, answers)\n",
        "",
        "tests/integration/test_load.py::test_steps_apart_are_a_load_and_publishing_again_is_none",
    ),
    guard(
        "Answers of a failed load are kept",
        "pipelines/ask.py",
        "                keep_answers(connection, account_id, observed_at, load_id, error.answers)\n",
        "",
        "tests/integration/test_load.py::test_failed_load_says_why_and_keeps_what_was_answered",
    ),
    guard(
        "Another account's answers are not kept among ours",
        "pipelines/ask.py",
        "        except WrongAccount:\n            raise  # what another account says is not kept among this one's answers\n",
        "",
        "tests/integration/test_load.py::test_answers_of_another_account_are_not_kept_under_ours",
    ),
    guard(
        "A load that failed leaves a note",
        "pipelines/failure_note.py",
        '                connection.execute(\n                    statement("insert_load_failure"),',
        '                (lambda *_: None)(\n                    statement("insert_load_failure"),',
        "tests/integration/test_load.py::test_failed_load_says_why_and_keeps_what_was_answered",
    ),
    guard(
        "Publishing twice is publishing once",
        "pipelines/warehouse/publish.py",
        "if published == origin.load_id:",
        "if False:",
        "tests/integration/test_publish.py::test_publishing_again_changes_nothing",
    ),
    guard(
        "A key stays with its account",
        "pipelines/warehouse/publish.py",
        "if bound not in (None, account.id):",
        "if False:",
        "tests/integration/test_publish.py::test_key_bound_to_an_account_is_refused_for_another",
    ),
    guard(
        "The account's row is locked",
        "sql/statements/lock_account.sql",
        "for no key update",
        "",
        "tests/integration/test_publish.py::test_many_loads_at_once_publish_each_once_and_in_order",
    ),
    guard(
        "A snapshot is one transaction",
        "pipelines/warehouse/publish.py",
        "        close_ended(connection, account_id, at, decision)\n",
        "        close_ended(connection, account_id, at, decision)\n        connection.commit()\n",
        "tests/integration/test_publish.py::test_first_snapshot_is_there_as_a_whole",
    ),
    guard(
        "The ledger's row is written",
        "pipelines/warehouse/publish.py",
        '        connection.execute(\n            statement("insert_snapshot"),',
        '        (lambda *_: None)(\n            statement("insert_snapshot"),',
        "tests/integration/test_publish.py::test_first_snapshot_is_there_as_a_whole",
    ),
    guard(
        "What ended is closed before its successor opens",
        "pipelines/warehouse/publish.py",
        "        close_ended(connection, account_id, at, decision)\n        row_counts = open_new(connection, account_id, at, decision)\n",
        "        row_counts = open_new(connection, account_id, at, decision)\n        close_ended(connection, account_id, at, decision)\n",
        "tests/integration/test_publish.py::test_a_then_b_then_a_are_three_versions",
    ),
    guard(
        "An ending is proven",
        "pipelines/tables/decide.py",
        "    if unproven:\n",
        "    if False:\n",
        "tests/unit/tables/test_decide.py::test_missing_segment_without_proof_refuses_the_snapshot",
    ),
    guard(
        "A switched mode is no deletion",
        "pipelines/tables/decide.py",
        'dict.fromkeys(missing, "deleted" if is_mode_on else "mode_off")',
        'dict.fromkeys(missing, "deleted")',
        "tests/unit/tables/test_decide.py::test_mode_switched_off_ends_without_any_proof",
    ),
)
