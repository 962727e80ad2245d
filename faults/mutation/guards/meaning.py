"""Guards in what an answer means: what is no absence, no success, and never sent again."""

# ruff: noqa: E501 - code is quoted in one piece

from typing import Final

from faults.mutation.mutant import Mutant, guard

MEANING: Final[tuple[Mutant, ...]] = (
    guard(
        "A redirect is no answer",
        "pipelines/amocrm/protocol.py",
        'case status if 300 <= status < 400:\n            return Refused(error=_error(NotFound, answer, request, "a redirect, and redirects are not followed"))',
        "case status if 300 <= status < 400:\n            return Nothing()",
        "tests/unit/amocrm/test_protocol.py::test_what_would_not_help_to_ask_again",
    ),
    guard(
        "What is damaged is not used",
        "pipelines/amocrm/protocol.py",
        "case 200 | 204 | 404 if answer.defect:",
        "case 999 if answer.defect:",
        "tests/unit/amocrm/test_protocol.py::test_a_damaged_answer_proves_no_absence",
    ),
    guard(
        "403 in HTML is a block, not a lack of rights",
        "pipelines/amocrm/protocol.py",
        "case 403 if read_problem(answer) is None:",
        "case 999:",
        "tests/unit/amocrm/test_protocol.py::test_403_without_a_json_object_is_a_block",
    ),
    guard(
        "A 404 in HTML says nothing of a thing",
        "pipelines/amocrm/protocol.py",
        "and request.is_of_thing and _is_gone(answer):",
        "and request.is_of_thing:",
        "tests/unit/amocrm/test_protocol.py::test_any_other_404_is_a_wrong_host_and_never_an_absence",
    ),
    guard(
        "A 404 on a list is no end of it",
        "pipelines/amocrm/protocol.py",
        "case 404 if is_read and request.is_of_thing and _is_gone(answer):",
        "case 404 if is_read and _is_gone(answer):",
        "tests/unit/amocrm/test_protocol.py::test_any_other_404_is_a_wrong_host_and_never_an_absence",
    ),
    guard(
        "204 means nothing for a list or a thing only",
        "pipelines/amocrm/protocol.py",
        "(is_read and (request.is_of_list or request.is_of_thing))",
        "is_read",
        "tests/unit/amocrm/test_protocol.py::test_204_about_the_account_means_nothing_here",
    ),
    guard(
        "An unknown status is no success",
        "pipelines/amocrm/protocol.py",
        'case 200 if request.method != "DELETE":',
        'case status if 200 <= status < 300 and status != 204 and request.method != "DELETE":',
        "tests/unit/amocrm/test_protocol.py::test_what_would_not_help_to_ask_again",
    ),
    guard(
        "A write is never sent twice",
        "pipelines/amocrm/protocol.py",
        'if request.is_repeatable or not isinstance(outcome, Again) or outcome.reason in ("token", "rate limit"):',
        "if True:",
        "tests/integration/client/test_writes.py::test_a_write_that_may_have_happened_is_never_sent_twice",
    ),
    guard(
        "A write that nobody answered is not sent again",
        "pipelines/amocrm/protocol.py",
        "return _never_twice(again, request) if is_sent else again",
        "return again",
        "tests/integration/client/test_writes.py::test_a_write_that_may_have_happened_is_never_sent_twice",
    ),
    guard(
        "A write whose answer is unusable is not sent again",
        "pipelines/amocrm/protocol.py",
        'return _never_twice(Again(reason="malformed body", error=error), request)',
        'return Again(reason="malformed body", error=error)',
        "tests/integration/client/test_writes.py::test_a_write_that_may_have_happened_is_never_sent_twice",
    ),
)
