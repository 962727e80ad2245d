"""Guards in reading an account: nothing is missing, nothing is another account's, nothing is gone without proof."""

# ruff: noqa: E501 - code is quoted in one piece

from typing import Final

from faults.mutation.mutant import Mutant, guard

EXTRACTING: Final[tuple[Mutant, ...]] = (
    guard(
        "A thing is the one that was asked for",
        "pipelines/amocrm/client.py",
        "if row_id(document, resource) != thing_id:",
        "if False:",
        "tests/integration/client/test_client.py::test_another_thing_than_asked_for_is_refused",
    ),
    guard(
        "The mode is one that is known",
        "pipelines/amocrm/account.py",
        "if not isinstance(mode, str) or mode not in _MODES:\n        raise Misshapen(\"the account's 'customers_mode' is missing or unknown\")",
        'mode = mode if mode in _MODES else "disabled"',
        "tests/unit/amocrm/test_read.py::test_an_account_without_id_mode_or_timezone_is_refused",
    ),
    guard(
        "The timezone is one that is known",
        "pipelines/amocrm/account.py",
        '        raise Misshapen("the account\'s timezone is missing, or unknown to this machine") from None',
        '        return "UTC"',
        "tests/unit/amocrm/test_read.py::test_an_account_without_id_mode_or_timezone_is_refused",
    ),
    guard(
        "The token is of the account that the history is of",
        "pipelines/amocrm/extract.py",
        "if known.account_id not in (None, account.id):",
        "if False:",
        "tests/integration/client/test_client.py::test_another_account_than_the_known_one_is_refused_before_anything_is_asked",
    ),
    guard(
        "What a list lacks is asked for by its id",
        "pipelines/amocrm/extract.py",
        "missing = (known.of(resource) | options.keys()) - listed.keys()",
        "missing = set[int]()",
        "pages: one row left, once, segments, last page",
    ),
    guard(
        "Options that a list lacks are asked for",
        "pipelines/amocrm/extract.py",
        "for thing_id in sorted((missing | short) - asked.keys()):",
        "for thing_id in sorted(missing - asked.keys()):",
        "tests/integration/client/test_client.py::test_an_option_that_is_missing_is_proven_by_its_field",
    ),
    guard(
        "A list that contradicts an answer by id is not believed",
        "pipelines/amocrm/extract.py",
        "if not any(_is_contradicted(listed.get(one), row, options.get(one, set())) for one, row in asked.items()):",
        "if True:",
        "tests/integration/client/test_client.py::test_what_the_list_forgot_once_is_found_by_reading_it_again",
    ),
    guard(
        "An empty list is looked at twice",
        "pipelines/amocrm/extract.py",
        "if not listed and not known.of(resource):",
        "if False:",
        "tests/integration/client/test_client.py::test_an_empty_first_load_is_looked_at_twice",
    ),
    guard(
        "A thing by its id is of this account",
        "pipelines/amocrm/extract.py",
        'if row is not None and usable_id(row.get("account_id")) not in (None, account.id):',
        "if False:",
        "tests/integration/client/test_client.py::test_a_thing_of_another_account_by_its_id_is_refused",
    ),
    guard(
        "After asking by id the account is asked again",
        "pipelines/amocrm/extract.py",
        "if any(has_asked):",
        "if False:",
        "tests/integration/client/test_client.py::test_what_is_missing_is_asked_for_and_then_the_account_again",
    ),
    guard(
        "The account stays the same during a load",
        "pipelines/amocrm/extract.py",
        "if after.id != before.id:",
        "if False:",
        "tests/integration/client/test_client.py::test_an_account_that_turns_into_another_one_is_refused",
    ),
    guard(
        "The mode stays the same during a load",
        "pipelines/amocrm/extract.py",
        "if after.mode != before.mode:",
        "if False:",
        "tests/integration/client/test_client.py::test_a_mode_switched_while_things_are_asked_for_proves_nothing",
    ),
    guard(
        "A snapshot is of one account",
        "pipelines/amocrm/read.py",
        "if other.id != found[0].id:",
        "if False:",
        "tests/unit/amocrm/test_read.py::test_an_account_that_was_asked_for_twice_must_have_stayed_the_same",
    ),
    guard(
        "A snapshot is of one mode",
        "pipelines/amocrm/read.py",
        "if other.mode != found[0].mode:",
        "if False:",
        "tests/unit/amocrm/test_read.py::test_an_account_that_was_asked_for_twice_must_have_stayed_the_same",
    ),
    guard(
        "No page of a list is missing",
        "pipelines/amocrm/read.py",
        "if [answer.page for answer in answers] != list(range(1, len(answers) + 1)) or not answers:",
        "if not answers:",
        "tests/unit/amocrm/test_read_lists.py::test_a_missing_page_is_noticed",
    ),
    guard(
        "No list of the mode is missing",
        "pipelines/amocrm/read.py",
        " or not answers:",
        ":",
        "tests/unit/amocrm/test_read_lists.py::test_every_list_of_the_mode_must_be_there",
    ),
    guard(
        "Only accepted answers are read",
        "pipelines/amocrm/read.py",
        "            if answer.is_accepted:\n",
        "            if True:\n",
        "tests/integration/client/test_client.py::test_an_empty_list_has_two_forms",
    ),
    guard(
        "A clock of the future stores nothing",
        "pipelines/clock.py",
        "if ahead > MOST_AHEAD:",
        "if False:",
        "process: the clock days ahead",
    ),
    guard(
        "Rows of another account are refused",
        "pipelines/amocrm/rows.py",
        "if account_id is not None and belongs_to is not None and usable_id(belongs_to) != account_id:",
        "if False:",
        "tests/unit/amocrm/test_read.py::test_a_thing_of_another_account_stops_the_load",
    ),
    guard(
        "An option twice with other content is refused",
        "pipelines/amocrm/things.py",
        "if options.setdefault(option.id, option) != option:",
        "if options.setdefault(option.id, option) is None:",
        "tests/unit/amocrm/test_read_lists.py::test_an_option_that_is_there_twice_is_kept_once",
    ),
)
