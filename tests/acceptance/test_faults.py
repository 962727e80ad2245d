"""The quick half of the fault list (see ``faults/README.md``), group by group."""

from __future__ import annotations

import pytest
from sqlalchemy import URL

import faults

QUICK = list(faults.cases(is_quick=True))


@pytest.mark.parametrize("group", sorted({case.group for case in QUICK}))
def test_faults_are_held(group: str, server_url: URL, migrated_template: str) -> None:
    chosen = [case for case in QUICK if case.group == group]
    card = faults.run(chosen, is_quick=True, server=server_url, template=migrated_template)
    assert [f"{one.case.name}: {one.verdict}. {one.why}" for one in card.failed] == []
    assert card.torn == 0
    assert sum(len(one.trials) for one in card.results) >= len(chosen)
