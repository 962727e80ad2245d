"""Guards of loads that are not read, since they say what was said before."""

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
)
