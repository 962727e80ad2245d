"""Asset checks of every load: those that block publishing, and those that only warn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import dagster as dg

from assets.dagster_errors import error_metadata
from assets.metadata_tables import small_table
from assets.partitions import ACCOUNTS
from assets.specs import QUALITY_EVENT, RAW_ANSWER, SEGMENT_JUMPS, SNAPSHOT, TABLES
from pipelines.amocrm.models import Anomaly
from pipelines.amocrm.snapshot import DOCUMENTED_MAXIMUM
from pipelines.base.errors import IncompleteList, MalformedAnswer, ModeDisagreement, WarehouseError, WrongAccount
from pipelines.base.text import display_name, to_single_line
from pipelines.load.access import EXPIRY_WARNING_PERIOD, TokenExpiry
from pipelines.load.expiry_text import describe_expiry, ends_soon
from pipelines.report.jumps import Jump
from pipelines.transform.summary import SnapshotSummary


def account_check_spec(
    name: str, asset: dg.AssetKey, description: str, *, is_blocking: bool = False
) -> dg.AssetCheckSpec:
    """Return the spec of a check that has a result for each account."""
    with warnings.catch_warnings():
        # Partitioned checks are a preview feature. Without them one account's result would hide another's.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=ACCOUNTS
        )


COMPLETE_LISTS: Final = account_check_spec(
    "lists_are_whole",
    RAW_ANSWER,
    "Every list of the account's mode was fetched completely, and lists of several pages did not change meanwhile.",
    is_blocking=True,
)
VALID_RESPONSES: Final = account_check_spec(
    "answers_and_ids_are_usable",
    RAW_ANSWER,
    "Every response is strict JSON of the documented structure, and every entity in it has a unique id.",
    is_blocking=True,
)
SAME_ACCOUNT: Final = account_check_spec(
    "account_is_the_same",
    RAW_ANSWER,
    "All responses are about the account that the key is bound to, in one customers mode.",
    is_blocking=True,
)
TOKEN_EXPIRY: Final = account_check_spec(
    "token_lasts",
    RAW_ANSWER,
    f"The access token is valid for at least {EXPIRY_WARNING_PERIOD.days} more days, by its own claims.",
)
LIMITS: Final = account_check_spec(
    "below_documented_limits",
    SNAPSHOT,
    "Another stage, segment and field can be added; amoCRM's limits are "
    + ", ".join(f"{count} {resource}" for resource, count in DOCUMENTED_MAXIMUM.items())
    + ".",
)
ANOMALIES: Final = account_check_spec(
    "answers_are_as_documented",
    QUALITY_EVENT,
    "The latest snapshot has no unknown keys or types and does not contradict amoCRM's documentation.",
)
JUMPS: Final = account_check_spec(
    "sizes_are_usual",
    SEGMENT_JUMPS,
    f"The latest day has no row in segment_jumps. {TABLES['analytics', 'segment_jumps'].comment}",
)

ERRORS_BY_CHECK: Final[Sequence[tuple[dg.AssetCheckSpec, tuple[type[WarehouseError], ...]]]] = (
    (COMPLETE_LISTS, (IncompleteList,)),
    (VALID_RESPONSES, (MalformedAnswer,)),
    (SAME_ACCOUNT, (WrongAccount, ModeDisagreement)),
)
"""Blocking checks, and the errors that fail each."""
BLOCKING: Final = tuple(spec for spec, _ in ERRORS_BY_CHECK)


def passing_results() -> list[dg.AssetCheckResult]:
    """Return the results of the blocking checks for a load that was fetched."""
    return [dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True) for spec in BLOCKING]


def failing_results(error: WarehouseError) -> list[dg.AssetCheckResult]:
    """Return the results of the blocking checks for a load that failed: failed, or undecided with a warning."""
    return [
        dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=error.message,
            metadata=error_metadata(error),
        )
        if isinstance(error, error_types)
        else warning_result(spec, "Undecided: the load failed before this check.", is_fine=False)
        for spec, error_types in ERRORS_BY_CHECK
    ]


def check_token_expiry(expiry: TokenExpiry, now: datetime) -> dg.AssetCheckResult:
    """Warn if the access ends soon. A token without an expiry time passes."""
    finding, expires_at = str(describe_expiry(expiry, now)), expiry.expires_at
    is_fine = expiry.failure is None and not ends_soon(expiry, now)
    return warning_result(
        TOKEN_EXPIRY,
        finding if is_fine else f"{finding} {expiry.advice}",
        is_fine=is_fine,
        metadata={} if expires_at is None else {"expires_at": dg.MetadataValue.timestamp(expires_at)},
    )


def check_documented_limits(summary: SnapshotSummary) -> dg.AssetCheckResult:
    """Warn if a documented limit is reached, so that nothing more can be added."""
    counts = {"stages": summary.stage_count, "segments": summary.segment_count, "fields": summary.field_count}
    full = [f"{counts[name]} of {most} {name}" for name, most in DOCUMENTED_MAXIMUM.items() if counts[name] >= most]
    return warning_result(
        LIMITS,
        f"No more can be added in amoCRM: {', '.join(full)}." if full else "There is room for more.",
        is_fine=not full,
        metadata=counts,
    )


def check_anomalies(anomalies: Sequence[Anomaly]) -> dg.AssetCheckResult:
    """Warn of anomalies: data that differ from amoCRM's documentation. They are stored and stop nothing."""
    return warning_result(
        ANOMALIES,
        f"{len(anomalies)} anomalies, which did not stop the load; docs/operations.md explains each kind."
        if anomalies
        else "No anomalies.",
        is_fine=not anomalies,
        metadata={
            "anomalies": small_table(
                ("kind", "entity", "detail"),
                (
                    (row.kind, f"{row.thing} {row.thing_id or ''}".strip(), to_single_line(row.detail, 300))
                    for row in anomalies
                ),
            )
        },
    )


def check_size_jumps(jumps: Sequence[Jump]) -> dg.AssetCheckResult:
    """Warn of sizes that changed unusually."""
    return warning_result(
        JUMPS,
        f"{len(jumps)} sizes changed unusually." if jumps else "No size changed unusually.",
        is_fine=not jumps,
        metadata={
            "jumps": small_table(
                ("segment or stage", "before", "now", "usual change", "also changed"),
                (
                    (
                        display_name(row.name, row.place_id),
                        row.previous_count,
                        row.last_count,
                        f"{row.usual_change_count:+}",
                        row.changed_things,
                    )
                    for row in jumps
                ),
            )
        },
    )


def warning_result(
    spec: dg.AssetCheckSpec,
    finding: str,
    *,
    is_fine: bool,
    metadata: Mapping[str, dg.MetadataValue | int] | None = None,
) -> dg.AssetCheckResult:
    """Return the result of a check that blocks nothing."""
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=is_fine,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding,
        metadata=metadata,
    )
