"""What an account has, or had, as the file of stages and segments: planning it against the same state plans nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Segment, Snapshot, Stage
from pipelines.manage.desired import Desired, DesiredSegment, DesiredStage
from pipelines.manage.portray import portray_segment, portray_stage, portray_values, usable_name
from pipelines.manage.references import label
from pipelines.manage.write_file import write_desired

Wanted = TypeVar("Wanted", DesiredStage, DesiredSegment)
Remarked: TypeAlias = tuple[Wanted, list[str]]
"""A thing with the remarks that stand above it."""

LIMITS: Final = (
    "What is not written here is left as it is. Nothing is deleted unless 'delete: true' or 'complete' says so.",
    "The API brings back neither conditions, nor which customers belonged to what was deleted, nor its id.",
)


def export(snapshot: Snapshot, *, account_key: str | None = None, with_ids: bool = True) -> str:
    """The text of a file that wants the account as ``snapshot`` shows it.

    ``account_key`` binds the file to one account of the settings. Without ids the file can be planned against another
    account; an id stays where the name alone would not say which thing is meant.
    """
    stages = list(_stages(snapshot, with_ids=with_ids)) if snapshot.account.mode == "periodicity" else None
    segments = list(_segments(snapshot, with_ids=with_ids)) if snapshot.account.mode == "segments" else None
    remarks: dict[tuple[Kind, int], list[str]] = {("stage", at): said for at, (_, said) in enumerate(stages or ())}
    remarks |= {("segment", at): said for at, (_, said) in enumerate(segments or ())}
    desired = Desired(
        source="export",
        account=account_key,
        stages=None if stages is None else tuple(stage for stage, _ in stages),
        segments=None if segments is None else tuple(segment for segment, _ in segments),
    )
    return write_desired(desired, heading=(_title(snapshot), *LIMITS), remarks=remarks)


def _title(snapshot: Snapshot) -> str:
    account = snapshot.account
    what = {"periodicity": "Customer stages", "segments": "Customer segments"}.get(account.mode, "Nothing")
    local = snapshot.observed_at.astimezone(ZoneInfo(account.timezone))
    return f"{what} of {account.name} (account {account.id}) as of {local.isoformat(timespec='seconds')}."


def _stages(snapshot: Snapshot, *, with_ids: bool) -> Iterator[Remarked[DesiredStage]]:
    needed = _needed_ids(snapshot.stages, with_ids=with_ids)
    for stage in snapshot.stages:
        remarks = (
            ["A system stage: it can be changed, not deleted, and amoCRM adds it itself."] if stage.is_default else []
        )
        if stage.rules:
            remarks.append(f"It has {len(stage.rules)} rule(s), which only amoCRM's interface can set.")
        yield portray_stage(stage, thing_id=needed.get(stage.id)), remarks


def _segments(snapshot: Snapshot, *, with_ids: bool) -> Iterator[Remarked[DesiredSegment]]:
    needed = _needed_ids(snapshot.segments, with_ids=with_ids)
    zone = ZoneInfo(snapshot.account.timezone)
    for segment in snapshot.segments:
        remarks = [] if segment.customers_count is None else [f"{segment.customers_count} customers."]
        values = []
        for field, value in portray_values(snapshot.fields, segment.field_values, zone):
            if value is not None:
                values.append(value)
            else:
                remarks.append(
                    f"Left out: what the field '{label(field)}' (id {field.id}) holds cannot be written here."
                )
        yield portray_segment(segment, values, thing_id=needed.get(segment.id)), remarks


def _needed_ids(things: Sequence[Stage] | Sequence[Segment], *, with_ids: bool) -> dict[int, int]:
    """The ids to write: all of them, or those of things that a name does not identify."""
    names = Counter(usable_name(thing.name) for thing in things)
    return {
        thing.id: thing.id for thing in things if with_ids or usable_name(thing.name) is None or names[thing.name] > 1
    }
