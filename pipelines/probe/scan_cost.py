"""What a scan of an account's customers costs, estimated with few requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelines.base.text import format_duration
from pipelines.probe.customers import CUSTOMERS, count_customers
from pipelines.probe.lists import first_page
from pipelines.probe.reader import ProbeReader

SCAN_REQUESTS_PER_SECOND: Final = 3.0
"""Rate of a scan, below that of loads."""

OTHER_REQUESTS: Final = 3
"""Requests beside the pages: the account, and the segments before and after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanCost:
    """Estimate of one scan."""

    customer_count: int
    request_count: int
    seconds: float
    byte_count: int

    def describe(self) -> str:
        """Describe the estimate in a sentence."""
        return (
            f"{self.customer_count:,} customers: a scan sends about {self.request_count:,} requests in "
            f"{format_duration(self.seconds)} and receives {max(1, self.byte_count // 1_000_000):,} MB."
        )


def estimate_scan(reader: ProbeReader) -> ScanCost | None:
    """Estimate the cost of a scan; None if the API shows no list of customers.

    A page that takes longer than the rate allows lengthens the scan.
    """
    page, limit = first_page(reader, CUSTOMERS)
    if not page.is_usable:
        return None
    count = count_customers(reader, limit, page)
    request_count = -(-count // max(1, len(page.rows))) + OTHER_REQUESTS
    return ScanCost(
        customer_count=count,
        request_count=request_count,
        seconds=request_count * max(1 / SCAN_REQUESTS_PER_SECOND, page.seconds),
        byte_count=page.byte_count // max(1, len(page.rows)) * count,
    )
