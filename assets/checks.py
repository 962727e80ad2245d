"""What is checked of every load: what blocks publishing, and what only warns. Data are judged in ``pipelines``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import dagster as dg

from assets.dagster_errors import error_metadata
from assets.metadata_tables import small_table
from assets.partitions import ACCOUNTS
from assets.specs import RAW_ANSWER, SNAPSHOT
from pipelines.amocrm.models import Anomaly
from pipelines.amocrm.snapshot import DOCUMENTED_MAXIMUM
from pipelines.base.errors import IncompleteList, MalformedAnswer, ModeDisagreement, WarehouseError, WrongAccount
from pipelines.base.text import to_single_line
from pipelines.load.connection import EXPIRY_WARNING_PERIOD, TokenExpiry
from pipelines.report.figures import Jump
from pipelines.transform.summary import SnapshotSummary

QUALITY_EVENT: Final = dg.AssetKey(["amocrm", "quality_event"])
SEGMENT_JUMPS: Final = dg.AssetKey(["analytics", "segment_jumps"])


def account_check_spec(
    name: str, asset: dg.AssetKey, description: str, *, is_blocking: bool = False
) -> dg.AssetCheckSpec:
    """A check that has a result for each account."""
    with warnings.catch_warnings():
        # Checks by partition are new in Dagster. Without them one account's result would hide another's.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=ACCOUNTS
        )


COMPLETE_LISTS: Final = account_check_spec(
    "lists_are_whole",
    RAW_ANSWER,
    "Every list of the account's mode was read to its end, and readings of several pages agree.",
    is_blocking=True,
)
VALID_RESPONSES: Final = account_check_spec(
    "answers_and_ids_are_usable",
    RAW_ANSWER,
    "Every answer is strict JSON of the documented shape, and every thing in it has an id of its own.",
    is_blocking=True,
)
SAME_ACCOUNT: Final = account_check_spec(
    "account_is_the_same",
    RAW_ANSWER,
    "All answers are about the account that the key is bound to, in one customers mode.",
    is_blocking=True,
)
TOKEN_EXPIRY: Final = account_check_spec(
    "token_lasts",
    RAW_ANSWER,
    f"The access token is good for {EXPIRY_WARNING_PERIOD.days} more days at least, by its own word.",
)
LIMITS: Final = account_check_spec(
    "below_documented_limits",
    SNAPSHOT,
    "There is room for one more stage (of 30), segment (of 100) and field (of 30): amoCRM allows no more.",
)
ANOMALIES: Final = account_check_spec(
    "answers_are_as_documented",
    QUALITY_EVENT,
    "The newest snapshot shows no unknown keys or types and no contradictions to amoCRM's documentation.",
)
JUMPS: Final = account_check_spec(
    "sizes_are_usual",
    SEGMENT_JUMPS,
    "On the newest day no segment's size left the segment's own rhythm. Judged from a segment's third week on.",
)

ERRORS_BY_CHECK: Final[Sequence[tuple[dg.AssetCheckSpec, tuple[type[WarehouseError], ...]]]] = (
    (COMPLETE_LISTS, (IncompleteList,)),
    (VALID_RESPONSES, (MalformedAnswer,)),
    (SAME_ACCOUNT, (WrongAccount, ModeDisagreement)),
)
"""The checks that block, and the errors that each stands for."""
BLOCKING: Final = tuple(spec for spec, _ in ERRORS_BY_CHECK)


def passing_results() -> list[dg.AssetCheckResult]:
    """Results of the blocking checks where nothing blocks."""
    return [dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True) for spec in BLOCKING]


def failing_results(error: WarehouseError) -> list[dg.AssetCheckResult]:
    """Results of the blocking checks where a load ended early: the one that is about it failed, the others are open."""
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
        else warning_result(spec, "Not decided: the load ended before.", is_fine=False)
        for spec, error_types in ERRORS_BY_CHECK
    ]


def check_token_expiry(expiry: TokenExpiry, now: datetime) -> dg.AssetCheckResult:
    """Warn some time before the access ends. A token that does not say when it ends passes."""
    end = expiry.expires_at
    is_fine = expiry.failure is None and (end is None or end - now >= EXPIRY_WARNING_PERIOD)
    if expiry.failure:
        finding = expiry.failure.message
    elif end is None:
        finding = "The token does not say when it ends."
    else:
        finding = f"The token ends in {(end - now).days} days." if end > now else "The token has ended."
    return warning_result(
        TOKEN_EXPIRY,
        finding if is_fine else f"{finding} {expiry.advice}",
        is_fine=is_fine,
        metadata={} if end is None else {"expires_at": dg.MetadataValue.timestamp(end)},
    )


def check_documented_limits(summary: SnapshotSummary) -> dg.AssetCheckResult:
    """Warn where nothing can be added any more."""
    counts = {"stages": summary.stage_count, "segments": summary.segment_count, "fields": summary.field_count}
    full = [f"{counts[name]} of {most} {name}" for name, most in DOCUMENTED_MAXIMUM.items() if counts[name] >= most]
    return warning_result(
        LIMITS,
        f"No more can be added in amoCRM: {', '.join(full)}." if full else "There is room for more.",
        is_fine=not full,
        metadata=counts,
    )


def check_anomalies(anomalies: Sequence[Anomaly]) -> dg.AssetCheckResult:
    """Warn of what is not as the vendor's page says. It is kept, and stopped nothing."""
    return warning_result(
        ANOMALIES,
        f"{len(anomalies)}: they stopped nothing; docs/operations.md explains each kind."
        if anomalies
        else "It shows none.",
        is_fine=not anomalies,
        metadata={
            "oddities": small_table(
                ("kind", "thing", "what"),
                (
                    (row.kind, f"{row.thing} {row.thing_id or ''}".strip(), to_single_line(row.detail, 300))
                    for row in anomalies
                ),
            )
        },
    )


def check_size_jumps(jumps: Sequence[Jump]) -> dg.AssetCheckResult:
    """Warn of sizes that left their segment's rhythm."""
    return warning_result(
        JUMPS,
        f"{len(jumps)} left their rhythm." if jumps else "None left its rhythm.",
        is_fine=not jumps,
        metadata={
            "jumps": small_table(
                ("segment", "before", "now", "usual change", "changed beside it"),
                (
                    (
                        to_single_line(row.name or str(row.segment_id)),
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
    """The result of a check that never stops anything."""
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=is_fine,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding,
        metadata=metadata,
    )
