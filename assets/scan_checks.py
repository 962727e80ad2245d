"""Asset checks of scans of customers. They only warn: a scan is published with what it could not read."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from assets.checks import account_check_spec, warning_result
from assets.dagster_errors import errors_shown
from assets.metadata_tables import small_table
from assets.partitions import single_partition
from assets.resources import Warehouse
from assets.specs import SCAN_TABLES
from pipelines.base.text import format_duration
from pipelines.customers.latest import LatestScan, read_latest_scan

SCAN: Final = SCAN_TABLES[0].key

MAX_AGE: Final = timedelta(hours=48)
"""Age of the latest scan that is a warning: an account is scanned every night, so two nights were missed."""

MIN_EXPLAINED_SHARE: Final = 0.9
"""Share of the changes of stage that events explain, below which amoCRM does not show all events."""

EXPECTED_REASONS: Final = ("changed", "forgotten", "kept")
"""Reasons of a difference that is no sign of an error. Kept customers have a check of their own."""

RECENT: Final = account_check_spec(
    "scans_are_recent", SCAN, f"The latest scan began at most {MAX_AGE.total_seconds() / 3600:.0f} hours ago."
)
ALL_READ: Final = account_check_spec(
    "all_customers_were_read", SCAN, "The latest scan read every customer that the account has; none had to be kept."
)
COUNTS_AGREE: Final = account_check_spec(
    "members_are_as_many_as_counted",
    SCAN,
    "Each segment has as many members as amoCRM counts, or the difference is no sign of an error: the count changed "
    "during the scan, or customers were forgotten or could not be read.",
)
MOVES_EXPLAINED: Final = account_check_spec(
    "events_explain_moves",
    SCAN,
    f"Events explain at least {MIN_EXPLAINED_SHARE:.0%} of the changes of stage that the latest scan found.",
)
SCAN_CHECKS: Final = (RECENT, ALL_READ, COUNTS_AGREE, MOVES_EXPLAINED)


@dg.multi_asset_check(
    name="check_scan", specs=SCAN_CHECKS, description="Check the latest scan of an account's customers."
)
def scan_checks(
    context: dg.AssetCheckExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult]:
    """Check the latest scan of the run's account. Scans report the same checks within their own run."""
    with errors_shown():
        latest = read_latest_scan(workbench.engine, single_partition(context.op_execution_context))
        yield from check_scan(latest, workbench.clock.now())


def check_scan(latest: LatestScan | None, now: datetime) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of all checks for the latest scan; None if there is none."""
    if latest is None:
        for spec in SCAN_CHECKS:
            yield warning_result(spec, "The account has not been scanned yet.", is_fine=False)
        return
    age = now - latest.started_at
    yield warning_result(
        RECENT,
        f"The latest scan began {format_duration(age.total_seconds())} ago.",
        is_fine=age <= MAX_AGE,
        metadata={"started_at": dg.MetadataValue.timestamp(latest.started_at)},
    )
    yield warning_result(
        ALL_READ,
        f"{latest.kept_count:,} of {latest.customers_count:,} customers could not be read and stay where they were."
        if latest.kept_count
        else f"All {latest.customers_count:,} customers were read.",
        is_fine=latest.kept_count == 0,
        metadata={"customers": latest.customers_count, "kept": latest.kept_count},
    )
    yield check_counts(latest)
    yield check_moves(latest)


def check_counts(latest: LatestScan) -> dg.AssetCheckResult:
    """Warn of segments whose members are not as many as amoCRM counts, if that may be an error."""
    count = sum(one.reason not in EXPECTED_REASONS for one in latest.differences)
    return warning_result(
        COUNTS_AGREE,
        f"{count} segments have not as many members as amoCRM counts; docs/customers.md explains each reason."
        if count
        else "The members of all segments are as many as amoCRM counts, or differ for a known reason.",
        is_fine=not count,
        metadata={
            "differences": small_table(
                ("segment", "members", "counted before", "counted after", "reason"),
                (
                    (str(one.segment_id), one.member_count, one.count_before, one.count_after, one.reason)
                    for one in latest.differences
                ),
            )
        },
    )


def check_moves(latest: LatestScan) -> dg.AssetCheckResult:
    """Warn if events explain few of the changes of stage."""
    explained, total = latest.explained_count, latest.stage_change_count
    return warning_result(
        MOVES_EXPLAINED,
        f"Events explain {explained:,} of {total:,} changes of stage." if total else "No customer changed its stage.",
        is_fine=explained >= total * MIN_EXPLAINED_SHARE,
        metadata={"changes": total, "explained": explained},
    )


def evaluations(results: Iterator[dg.AssetCheckResult], account_key: str) -> Iterator[dg.AssetCheckEvaluation]:
    """Return results as events of an account, which an op outside the asset may yield."""
    for one in results:
        assert one.asset_key is not None
        assert one.check_name is not None
        metadata: Mapping[str, dg.MetadataValue] = one.metadata
        yield dg.AssetCheckEvaluation(
            asset_key=one.asset_key,
            check_name=one.check_name,
            passed=bool(one.passed),
            metadata=metadata,
            severity=one.severity,
            description=one.description,
            partition=account_key,
        )
