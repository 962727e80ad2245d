"""What is checked of every load: what blocks publishing, and what only warns. Data are judged in ``pipelines``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import dagster as dg

from assets.failures import facts
from assets.partitions import ACCOUNTS
from assets.small_tables import small_table
from assets.specs import RAW_ANSWER, SNAPSHOT
from pipelines.access import ENDS_SOON, Lasting
from pipelines.amocrm.read import MOST
from pipelines.amocrm.records import Oddity
from pipelines.errors import IncompleteList, MalformedAnswer, ModeDisagreement, WarehouseError, WrongAccount
from pipelines.overview import Jump
from pipelines.seen import Seen
from pipelines.wording import clean

QUALITY_EVENT: Final = dg.AssetKey(["amocrm", "quality_event"])
SEGMENT_JUMPS: Final = dg.AssetKey(["analytics", "segment_jumps"])


def account_check(name: str, asset: dg.AssetKey, description: str, *, is_blocking: bool = False) -> dg.AssetCheckSpec:
    """A check that has a result for each account."""
    with warnings.catch_warnings():
        # Checks by partition are new in Dagster. Without them one account's result would hide another's.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=ACCOUNTS
        )


WHOLE: Final = account_check(
    "lists_are_whole",
    RAW_ANSWER,
    "Every list of the account's mode was read to its end, and readings of several pages agree.",
    is_blocking=True,
)
USABLE: Final = account_check(
    "answers_and_ids_are_usable",
    RAW_ANSWER,
    "Every answer is strict JSON of the documented shape, and every thing in it has an id of its own.",
    is_blocking=True,
)
SAME_ACCOUNT: Final = account_check(
    "account_is_the_same",
    RAW_ANSWER,
    "All answers are about the account that the key is bound to, in one customers mode.",
    is_blocking=True,
)
TOKEN: Final = account_check(
    "token_lasts",
    RAW_ANSWER,
    f"The access token is good for {ENDS_SOON.days} more days at least, by its own word.",
)
LIMITS: Final = account_check(
    "below_documented_limits",
    SNAPSHOT,
    "There is room for one more stage (of 30), segment (of 100) and field (of 30): amoCRM allows no more.",
)
ODDITIES: Final = account_check(
    "answers_are_as_documented",
    QUALITY_EVENT,
    "The newest snapshot shows no unknown keys or types and no contradictions to amoCRM's documentation.",
)
JUMPS: Final = account_check(
    "sizes_are_usual",
    SEGMENT_JUMPS,
    "On the newest day no segment's size left the segment's own rhythm. Judged from a segment's third week on.",
)

BLOCKED_BY: Final[Sequence[tuple[dg.AssetCheckSpec, tuple[type[WarehouseError], ...]]]] = (
    (WHOLE, (IncompleteList,)),
    (USABLE, (MalformedAnswer,)),
    (SAME_ACCOUNT, (WrongAccount, ModeDisagreement)),
)
"""The checks that block, and the errors that each stands for."""
BLOCKING: Final = tuple(spec for spec, _ in BLOCKED_BY)


def passed() -> list[dg.AssetCheckResult]:
    """Results of the blocking checks where nothing blocks."""
    return [dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True) for spec in BLOCKING]


def blocked(error: WarehouseError) -> list[dg.AssetCheckResult]:
    """Results of the blocking checks where a load ended early: the one that is about it failed, the others are open."""
    return [
        dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=error.message,
            metadata=facts(error),
        )
        if isinstance(error, kinds)
        else warning(spec, "Not decided: the load ended before.", is_fine=False)
        for spec, kinds in BLOCKED_BY
    ]


def token_lasts(access: Lasting, now: datetime) -> dg.AssetCheckResult:
    """Warn some time before the access ends. A token that does not say when it ends passes."""
    end = access.ends_at
    is_fine = access.failure is None and (end is None or end - now >= ENDS_SOON)
    if access.failure:
        said = access.failure.message
    elif end is None:
        said = "The token does not say when it ends."
    else:
        said = f"The token ends in {(end - now).days} days." if end > now else "The token has ended."
    return warning(
        TOKEN,
        said if is_fine else f"{said} {access.advice}",
        is_fine=is_fine,
        metadata={} if end is None else {"expires_at": dg.MetadataValue.timestamp(end)},
    )


def below_limits(seen: Seen) -> dg.AssetCheckResult:
    """Warn where nothing can be added any more."""
    counts = {"stages": seen.stage_count, "segments": seen.segment_count, "fields": seen.field_count}
    full = [f"{counts[name]} of {most} {name}" for name, most in MOST.items() if counts[name] >= most]
    return warning(
        LIMITS,
        f"No more can be added in amoCRM: {', '.join(full)}." if full else "There is room for more.",
        is_fine=not full,
        metadata=counts,
    )


def as_documented(oddities: Sequence[Oddity]) -> dg.AssetCheckResult:
    """Warn of what is not as the vendor's page says. It is kept, and stopped nothing."""
    return warning(
        ODDITIES,
        f"{len(oddities)}: they stopped nothing; docs/operations.md explains each kind."
        if oddities
        else "It shows none.",
        is_fine=not oddities,
        metadata={
            "oddities": small_table(
                ("kind", "thing", "what"),
                ((one.kind, f"{one.thing} {one.thing_id or ''}".strip(), clean(one.detail, 300)) for one in oddities),
            )
        },
    )


def sizes_are_usual(jumps: Sequence[Jump]) -> dg.AssetCheckResult:
    """Warn of sizes that left their segment's rhythm."""
    return warning(
        JUMPS,
        f"{len(jumps)} left their rhythm." if jumps else "None left its rhythm.",
        is_fine=not jumps,
        metadata={
            "jumps": small_table(
                ("segment", "before", "now", "usual change", "changed beside it"),
                (
                    (
                        clean(one.name or str(one.segment_id)),
                        one.previous_count,
                        one.last_count,
                        f"{one.usual_change_count:+}",
                        one.changed_things,
                    )
                    for one in jumps
                ),
            )
        },
    )


def warning(
    spec: dg.AssetCheckSpec, said: str, *, is_fine: bool, metadata: Mapping[str, dg.MetadataValue | int] | None = None
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
