"""What is checked of every load: what blocks publishing, and what only warns. Data are judged in ``pipelines``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from assets.failures import facts
from assets.specs import RAW_ANSWER, SNAPSHOT
from pipelines.amocrm.read import MOST
from pipelines.amocrm.records import Oddity, Snapshot
from pipelines.amocrm.token import expires_at
from pipelines.errors import IncompleteList, MalformedAnswer, ModeDisagreement, WarehouseError, WrongAccount
from pipelines.jumps import jumps
from pipelines.secret import Secret
from pipelines.warehouse.sizes import SizeSeries

WARN_BEFORE_EXPIRY: Final = timedelta(days=14)
MOST_LISTED: Final = 20
"""Findings that a check lists; the number of all is told beside them."""

QUALITY_EVENT: Final = dg.AssetKey(["amocrm", "quality_event"])
SIZES_DAILY: Final = dg.AssetKey(["analytics", "segment_sizes_daily"])

WHOLE: Final = dg.AssetCheckSpec(
    "lists_are_whole",
    asset=RAW_ANSWER,
    blocking=True,
    description="Every list of the account's mode was read to its end, and readings of several pages agree.",
)
USABLE: Final = dg.AssetCheckSpec(
    "answers_and_ids_are_usable",
    asset=RAW_ANSWER,
    blocking=True,
    description="Every answer is strict JSON of the documented shape, and every thing in it has an id of its own.",
)
SAME_ACCOUNT: Final = dg.AssetCheckSpec(
    "account_is_the_same",
    asset=RAW_ANSWER,
    blocking=True,
    description="All answers are about the account that the key is bound to, in one customers mode.",
)
TOKEN: Final = dg.AssetCheckSpec(
    "token_lasts",
    asset=RAW_ANSWER,
    description=f"The access token is good for {WARN_BEFORE_EXPIRY.days} more days at least, by its own word.",
)
LIMITS: Final = dg.AssetCheckSpec(
    "below_documented_limits",
    asset=SNAPSHOT,
    description="There is room for one more stage (of 30), segment (of 100) and field (of 30): amoCRM allows no more.",
)
ODDITIES: Final = dg.AssetCheckSpec(
    "answers_are_as_documented",
    asset=QUALITY_EVENT,
    description="The newest snapshot shows no unknown keys or types and no contradictions to amoCRM's documentation.",
)
JUMPS: Final = dg.AssetCheckSpec(
    "sizes_are_usual",
    asset=SIZES_DAILY,
    description=(
        "No segment's size lies outside what its 14 days before had shown by more than the largest step between two of "
        "them, a tenth of the segment and ten customers. Needs 7 observed days."
    ),
)

BLOCKING: Final = (WHOLE, USABLE, SAME_ACCOUNT)
BLOCKED_BY: Final = (
    (IncompleteList, WHOLE),
    (MalformedAnswer, USABLE),
    ((WrongAccount, ModeDisagreement), SAME_ACCOUNT),
)


def passed(specs: Iterable[dg.AssetCheckSpec]) -> list[dg.AssetCheckResult]:
    """Results of checks that found nothing."""
    return [dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True) for spec in specs]


def blocked(error: WarehouseError) -> list[dg.AssetCheckResult]:
    """The blocking check that the error is about, failed; none where the error is about something else."""
    return [
        dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=False,
            description=error.message,
            metadata=facts(error),
        )
        for kinds, spec in BLOCKED_BY
        if isinstance(error, kinds)
    ]


def token_lasts(token: Secret, now: datetime) -> dg.AssetCheckResult:
    """Warn some time before the token ends. A token that does not say when it ends passes."""
    end = expires_at(token.reveal())
    is_fine = end is None or end - now >= WARN_BEFORE_EXPIRY
    if end is None:
        said = "The token does not say when it ends."
    else:
        said = f"The token ends in {(end - now).days} days." if end > now else "The token has ended."
    return warning(
        TOKEN,
        said
        if is_fine
        else f"{said} Make a new one in the integration's settings, and put it in the place of the old one.",
        is_fine=is_fine,
        metadata={} if end is None else {"expires_at": dg.MetadataValue.timestamp(end)},
    )


def below_limits(snapshot: Snapshot) -> dg.AssetCheckResult:
    """Warn where nothing can be added any more."""
    counts = {"stages": len(snapshot.stages), "segments": len(snapshot.segments), "fields": len(snapshot.fields)}
    full = [f"{counts[name]} of {most} {name}" for name, most in MOST.items() if counts[name] >= most]
    return warning(
        LIMITS,
        f"No more can be added in amoCRM: {', '.join(full)}." if full else "There is room for more.",
        is_fine=not full,
        metadata=counts,
    )


def as_documented(oddities: Sequence[Oddity]) -> dg.AssetCheckResult:
    """Warn of what is not as the vendor's page says. It is kept, and stopped nothing."""
    listed = [f"{one.thing} {one.thing_id or ''}".strip() + f": {one.detail} ({one.kind})" for one in oddities]
    return warning(
        ODDITIES,
        f"{len(listed)} oddities; they are kept in amocrm.quality_event, and docs/operations.md explains each kind."
        if listed
        else "None.",
        is_fine=not listed,
        metadata={"oddities": as_lines(listed)},
    )


def sizes_are_usual(series: Iterable[SizeSeries]) -> dg.AssetCheckResult:
    """Warn of sizes out of the usual."""
    found = [str(jump) for jump in jumps(series)]
    return warning(
        JUMPS,
        f"{len(found)} sizes are out of the usual; analytics.changes may tell why."
        if found
        else "None is out of the usual.",
        is_fine=not found,
        metadata={"jumps": as_lines(found)},
    )


def warning(
    spec: dg.AssetCheckSpec, said: str, *, is_fine: bool, metadata: Mapping[str, dg.MetadataValue | int]
) -> dg.AssetCheckResult:
    """The result of a check that never stops anything."""
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=is_fine,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=metadata,
    )


def as_lines(lines: Sequence[str]) -> dg.JsonMetadataValue:
    """Some of the lines as a list: plain data, whatever the names of an account's things are."""
    rest = len(lines) - MOST_LISTED
    return dg.MetadataValue.json([*lines[:MOST_LISTED], *([f"and {rest} more"] if rest > 0 else [])])
