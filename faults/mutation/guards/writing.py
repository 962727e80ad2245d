"""Guards in changing accounts: only what was confirmed, written down first, never twice."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

WRITING: Final[tuple[Mutant, ...]] = (
    guard(
        "Two of one name are unclear",
        "pipelines/manage/settle.py",
        "all(len(ids) == 1 for ids in found) and ",
        "all(ids for ids in found) and ",
        "tests/unit/manage/test_settle.py::test_an_addition_is_known_by_its_name_among_what_is_new",
    ),
    guard(
        "System stages are not deleted",
        "pipelines/manage/rules.py",
        "    if stage.is_default is False:\n",
        "    if True:\n",
        "tests/unit/manage/test_plan.py::test_system_stages_stay_though_a_complete_list_lacks_them",
    ),
    guard(
        "The page's limits hold",
        "pipelines/manage/rules.py",
        "if not added or final <= MOST[kind]:",
        "if True:",
        "tests/unit/manage/test_rules.py::test_limits_hold_at_the_end",
    ),
    guard(
        "Colours are those of the page",
        "pipelines/manage/rules.py",
        "    if color in COLORS[kind]:",
        "    if True:",
        "tests/unit/manage/test_rules.py::test_rules_of_stages",
    ),
    guard(
        "One who is no administrator writes nothing",
        "pipelines/manage/rules.py",
        "    if is_admin is False:",
        "    if False:",
        "tests/unit/manage/test_rules.py::test_a_file_for_another_account_and_a_user_without_rights_are_refused_together",
    ),
    guard(
        "Nothing goes unless it is said",
        "pipelines/manage/plan.py",
        "    if is_complete:\n",
        "    if True:\n",
        "tests/unit/manage/test_plan.py::test_what_is_not_mentioned_stays",
    ),
)
