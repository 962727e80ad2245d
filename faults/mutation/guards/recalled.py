"""Guards of rows that are not read, since they were read before."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

_RECALL = "pipelines/amocrm/recall.py"
_WHATEVER_COMES = "tests/unit/amocrm/test_recall.py::test_whatever_comes_a_recalled_snapshot_is_the_whole_one"

RECALLED: Final[tuple[Mutant, ...]] = (
    guard(
        "Recalled: only the same row, its size aside",
        _RECALL,
        'PASSING = ("customers_count", "updated_at")',
        'PASSING = ("customers_count", "updated_at", "name")',
        _WHATEVER_COMES,
    ),
    guard(
        "Recalled: a row in another timezone is another one",
        _RECALL,
        "repr((timezone, lasting))",
        "repr(lasting)",
        "tests/unit/amocrm/test_recall.py::test_another_timezone_means_reading_anew",
    ),
    guard(
        "Recalled: a row with an odd size is read",
        _RECALL,
        "type(size) is not int or not 0 <= size in INT_64 or ",
        "",
        "tests/unit/amocrm/test_recall.py::test_a_row_with_an_odd_size_is_always_read",
    ),
    guard(
        "Recalled: oddities go on",
        _RECALL,
        "reading.notes.add_all(before.oddities)",
        "pass",
        "tests/integration/test_recalled_rows.py::test_oddities_of_rows_that_are_not_read_go_on",
    ),
    guard(
        "Recalled: other code reads anew",
        "sql/statements/row_memory.sql",
        " and reading_code = :reading_code",
        "",
        "tests/integration/test_recalled_rows.py::test_without_a_memory_of_this_code_every_row_is_read",
    ),
    guard(
        "Recalled: what opens is read after all",
        "pipelines/tables/decide.py",
        "opened={segment_id: whole(segment) for segment_id, segment in segment_changes.opened.items()},",
        "opened={i: one for i, one in segment_changes.opened.items() if isinstance(one, Segment)},",
        "tests/integration/test_recalled_rows.py::test_a_segment_that_comes_back_as_it_was_is_read_after_all",
    ),
)
