"""Rules of the vendor's page "Customers Stages and Segments" for writes, checked before the first call.

Colours and limits apply to writes only: existing entities may violate them and stay unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Mode, Snapshot, Stage
from pipelines.writeback.desired import DesiredConfig, DesiredEntity
from pipelines.writeback.problems import Problems

# "Available stage colors" and "Available segment colors"
# fmt: off
STAGE_COLORS: Final = (
    "#fffeb2", "#fffd7f", "#fff000", "#ffeab2", "#ffdc7f", "#ffce5a", "#ffdbdb", "#ffc8c8", "#ff8f92", "#d6eaff",
    "#c1e0ff", "#98cbff", "#ebffb1", "#deff81", "#87f2c0", "#f9deff", "#f3beff", "#ccc8f9", "#eb93ff", "#f2f3f4",
    "#e6e8ea",
)
SEGMENT_COLORS: Final = (
    "10599d", "2176ff", "006acc", "07a0c3", "247ba0", "177e89", "046e8f", "598381", "0c7c59", "495f41", "00a44b",
    "08605f", "bf2600", "06d6a0", "e14945", "79b473", "ae003f", "a2ad59", "cd0f53", "8e936d", "832161", "2e5339",
    "bf126f", "6f7c12", "ff5376", "dd1c1a", "bb304e", "631d76", "9d2b32", "4a001f", "b118c8", "6a0f49", "6610f2",
    "b38a58", "8963ba", "4b3666", "932f6d", "6b2d5c", "6461a0", "4f517d",
)
# fmt: on
COLORS: Final[Mapping[EntityKind, tuple[str, ...]]] = {"stage": STAGE_COLORS, "segment": SEGMENT_COLORS}

MAX_ENTITIES: Final[Mapping[EntityKind, int]] = {"stage": 30, "segment": 100}
"""Limits of stages, including system stages, and of segments."""

REQUIRED_PROPERTIES: Final[Mapping[EntityKind, tuple[str, ...]]] = {"stage": ("name", "sort"), "segment": ("name",)}
"""Required properties of a new entity."""

MAX_FIELDS: Final = 30
"""Limit of custom fields of a segment."""

MODE_BY_KIND: Final[Mapping[EntityKind, Mode]] = {"stage": "periodicity", "segment": "segments"}
"""Customers mode in which an account has entities of the kind."""

_UNSUPPORTED_CHARACTERS: Final = re.compile("[\x00\ud800-\udfff]")

_MODE_DESCRIPTIONS: Final[Mapping[Mode, str]] = {
    "periodicity": "recurring purchases, which has stages",
    "segments": "dynamic segmentation, which has segments",
    "disabled": "switched off",
    "unavailable": "not part of its tariff",
}


def check_account(
    live: Snapshot, desired: DesiredConfig, *, account_key: str | None, is_admin: bool | None, problems: Problems
) -> None:
    """Check the account's key, its mode, and the rights of the token's user.

    Raises ``PlanError`` at once if the desired state is for another account, since further problems
    would mislead.
    """
    if desired.account and account_key and desired.account != account_key:
        problems.add(f"it is for the account '{desired.account}', but this is '{account_key}'")
        problems.raise_if_any()
    for kind in ("stage", "segment"):
        if (desired.entities(kind) or kind in desired.complete) and live.account.mode != MODE_BY_KIND[kind]:
            problems.add(
                f"{kind}s cannot be written: the account's customers mode is {_MODE_DESCRIPTIONS[live.account.mode]}"
            )
    if is_admin is False:
        problems.add("the token's user is no administrator, and only administrators may change stages and segments")


def text_problem(text: str) -> str | None:
    """Return the problem of a text that the warehouse could not store, so that its write could not be verified."""
    if _UNSUPPORTED_CHARACTERS.search(text) is None:
        return None
    return "the text contains a character that the warehouse cannot store: NUL, or half of a surrogate pair"


def color_problem(kind: EntityKind, color: str) -> str | None:
    """Return the problem of a colour that amoCRM does not offer."""
    if color in COLORS[kind]:
        return None
    return f"amoCRM does not offer the colour '{color}' for {kind}s; it offers {', '.join(COLORS[kind])}"


def missing_properties_problem(kind: EntityKind, desired: DesiredEntity) -> str | None:
    """Return the problem of a new entity without required properties."""
    missing = [name for name in REQUIRED_PROPERTIES[kind] if getattr(desired, name) is None]
    return f"a new {kind} needs a {' and a '.join(missing)}" if missing else None


def deletion_problem(stage: Stage) -> str | None:
    """Return the reason if a stage cannot be deleted.

    Vendor's page: "System stages can't be deleted".
    """
    if stage.is_default is False:
        return None
    reason = "it is a system stage" if stage.is_default else "amoCRM does not say whether it is a system stage"
    return f"{reason}, and system stages cannot be deleted"


def limit_problem(kind: EntityKind, *, present: int, added: int, deleted: int) -> str | None:
    """Return the problem if the account would exceed the vendor's limit of entities."""
    final = present + added - deleted
    if not added or final <= MAX_ENTITIES[kind]:
        return None
    return (
        f"{final} {kind}s, but amoCRM allows {MAX_ENTITIES[kind]}: {present} exist, {added} to add, {deleted} to delete"
    )
