"""Summary of a published snapshot, for messages about a load."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.amocrm.models import Anomaly, Mode, Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotSummary:
    """Counts of a snapshot. Lists that the mode does not have count 0."""

    account_id: int
    account_name: str  # empty if the API returns none
    mode: Mode
    stage_count: int
    segment_count: int
    field_count: int
    anomalies: tuple[Anomaly, ...]


def summarize(snapshot: Snapshot) -> SnapshotSummary:
    """Summarize a snapshot."""
    return SnapshotSummary(
        account_id=snapshot.account.id,
        account_name=snapshot.account.name,
        mode=snapshot.account.mode,
        stage_count=len(snapshot.stages),
        segment_count=snapshot.segment_count,
        field_count=len(snapshot.fields),
        anomalies=snapshot.anomalies,
    )
