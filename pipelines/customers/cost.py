"""Cost of a scan of an account's customers, estimated with few requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelines.base.errors import Unavailable
from pipelines.customers.reader import MAX_REQUESTS_PER_SECOND
from pipelines.probe.customers import CUSTOMERS, count_customers
from pipelines.probe.lists import first_page
from pipelines.probe.reader import ProbeReader

OTHER_REQUESTS: Final = 3
"""Requests beside the pages: the account, and the segments before and after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanCost:
    """Estimate of one scan."""

    customer_count: int
    request_count: int
    seconds: float
    byte_count: int


def estimate_scan(reader: ProbeReader) -> ScanCost | None:
    """Estimate the cost of a scan; None if the account has no list of customers, or the user no right to read it.

    A page that takes longer than the rate allows lengthens the scan. Raises ``Unavailable`` if amoCRM does not respond.
    """
    page, limit = first_page(reader, CUSTOMERS)
    if page.status == 0 or page.status >= 500:
        raise Unavailable(f"amoCRM did not show the customers: {page.describe()}.")
    if not page.is_usable:
        return None
    count = count_customers(reader, limit, page)
    request_count = -(-count // max(1, len(page.rows))) + OTHER_REQUESTS
    return ScanCost(
        customer_count=count,
        request_count=request_count,
        seconds=request_count * max(1 / MAX_REQUESTS_PER_SECOND, page.seconds),
        byte_count=page.byte_count // max(1, len(page.rows)) * count,
    )
