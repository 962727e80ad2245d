"""Page sizes of lists that a probe found, for loads and scans to start with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipelines.amocrm.messages import PAGE_LIMIT
from pipelines.probe.lists import LARGEST_LIMIT, LARGEST_PAGE
from pipelines.probe.probe import ProbeResult, probe_file, read_result

_ROWS: Final = re.compile(r"([0-9]{1,4})(?: rows)?")


def probed_page_limits(data_dir: Path, account_key: str) -> Mapping[str, int]:
    """Return the largest ``limit`` of each list, by its name, if a probe found it smaller than amoCRM documents.

    A hint: a smaller page is always right, so neither an old file nor another account's does harm. Empty if the account
    was never probed, or if the file cannot be used.
    """
    result = read_result(probe_file(data_dir, account_key))
    lists = {one.subject for one in result.findings} if result else set()
    limits = {name: _page_limit(result, name) for name in lists} if result else {}
    return {name: limit for name, limit in limits.items() if limit < PAGE_LIMIT}


def _page_limit(result: ProbeResult, name: str) -> int:
    """Return the smaller one of the largest limit served and of the rows of a page that others follow."""
    found = [_ROWS.fullmatch(result.observed(name, finding) or "") for finding in (LARGEST_LIMIT, LARGEST_PAGE)]
    return min((int(one[1]) for one in found if one and int(one[1]) > 0), default=PAGE_LIMIT)
