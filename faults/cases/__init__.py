"""The fault list, one module per group. To add a case, add a line to one of them."""

from __future__ import annotations

from collections.abc import Iterator

from faults.case import Case
from faults.cases import (
    answers,
    cuts,
    dagster,
    database,
    drift,
    endings,
    environments,
    hosts,
    inert,
    oauth,
    process,
    rows,
    schedules,
    secrets,
    server,
    tenants,
    values,
)


def cases(*, is_quick: bool = False) -> Iterator[Case]:
    """Yield every case, or the quick half."""
    modules = (
        answers, drift, hosts, values, rows, inert, endings, process, schedules,
        cuts, database, server, oauth, secrets, tenants, environments, dagster,
    )  # fmt: skip
    for module in modules:
        for case in module.cases():
            if case.is_quick or not is_quick:
                yield case
