"""Changes of a snapshot, computed without a database."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pipelines.amocrm.models import Anomaly, Mode, Segment
from pipelines.base.errors import UnprovenEnding
from pipelines.transform.diff import CurrentSegment, StoredState, diff_snapshot
from tests.records import field, hours, option, segment, snapshot, stage

TODAY = date(2026, 3, 1)
YESTERDAY = date(2026, 2, 28)


def stored(*segments: Segment, at: float = 0, day: date = TODAY, **things: Any) -> StoredState:
    """What is stored after a snapshot that saw these segments."""
    return StoredState(
        observed_at=hours(at),
        observed_date=day,
        segments={
            s.id: CurrentSegment(content_hash=s.content_hash, customers_count=s.customers_count, valid_from=hours(at))
            for s in segments
        },
        **things,
    )


def test_first_snapshot_opens_everything() -> None:
    seen = snapshot(hours(0), segments=(segment(1), segment(2)), fields=(field(7, option(70)),))
    decision = diff_snapshot(StoredState(), seen, observed_date=TODAY)
    assert set(decision.segments.opened) == {1, 2}
    assert set(decision.fields.opened) == {7}
    assert set(decision.options.opened) == {(7, 70)}
    assert decision.sizes == {1: 10, 2: 10} == decision.days
    assert decision.closed_count == 0


def test_nothing_changed_writes_nothing_but_the_ledger() -> None:
    one = segment(1)
    decision = diff_snapshot(stored(one), snapshot(hours(1), segments=(one,)), observed_date=TODAY)
    assert (decision.opened_count, decision.closed_count) == (0, 0)
    written = (decision.sizes, decision.current, decision.days, decision.opened_anomalies, decision.resolved_anomalies)
    assert not any(written)


def test_first_snapshot_of_a_day_enters_every_segment_into_the_day() -> None:
    one, two = segment(1, 10), segment(2, 20)
    decision = diff_snapshot(
        stored(one, two, day=YESTERDAY), snapshot(hours(1), segments=(one, two)), observed_date=TODAY
    )
    assert decision.days == {1: 10, 2: 20}
    assert not decision.sizes


def test_new_size_is_no_new_version() -> None:
    decision = diff_snapshot(
        stored(segment(1, 10)), snapshot(hours(1), segments=(segment(1, 11),)), observed_date=TODAY
    )
    assert decision.sizes == {1: 11} == decision.days
    assert decision.opened_count == decision.closed_count == 0
    assert decision.current[1].valid_from == hours(0), "the open version stays the one it was"


def test_renamed_segment_closes_one_version_and_opens_the_next() -> None:
    decision = diff_snapshot(
        stored(segment(1)), snapshot(hours(1), segments=(segment(1, name="VIP"),)), observed_date=TODAY
    )
    assert set(decision.segments.opened) == {1}
    assert decision.segments.closed == {1: "changed"}
    assert not decision.sizes
    assert decision.current[1].valid_from == hours(1)


def test_missing_segment_without_proof_refuses_the_snapshot() -> None:
    with pytest.raises(UnprovenEnding, match="1 segment"):
        diff_snapshot(stored(segment(1), segment(2)), snapshot(hours(1), segments=(segment(1),)), observed_date=TODAY)


def test_missing_segment_ends_once_confirmed() -> None:
    decision = diff_snapshot(
        stored(segment(1), segment(2)),
        snapshot(hours(1), segments=(segment(1),), gone_segment_ids=frozenset({2})),
        observed_date=TODAY,
    )
    assert decision.segments.closed == {2: "deleted"}
    assert decision.sizes == {2: None}
    assert 2 not in decision.current
    assert 2 not in decision.days


def test_mode_switched_off_ends_without_any_proof() -> None:
    before = stored(segment(1), fields={7: b"f"}, options={(7, 70): b"o"})
    decision = diff_snapshot(before, snapshot(hours(1), mode="disabled"), observed_date=TODAY)
    assert decision.segments.closed == {1: "mode_off"}
    assert decision.fields.closed == {7: "mode_off"}
    assert decision.options.closed == {(7, 70): "mode_off"}
    assert decision.sizes == {1: None}


def test_stages_end_when_the_account_turns_to_segments() -> None:
    before = StoredState(observed_at=hours(0), observed_date=TODAY, stages={4: stage(4).content_hash})
    decision = diff_snapshot(before, snapshot(hours(1), segments=(segment(1),)), observed_date=TODAY)
    assert decision.stages.closed == {4: "mode_off"}


def test_segment_that_comes_back_with_its_old_size_has_a_size_again() -> None:
    decision = diff_snapshot(
        StoredState(observed_at=hours(1), observed_date=TODAY),
        snapshot(hours(2), segments=(segment(1, 10),)),
        observed_date=TODAY,
    )
    assert decision.sizes == {1: 10} == decision.days


def test_size_that_the_api_does_not_give_is_unknown_not_zero() -> None:
    decision = diff_snapshot(
        stored(segment(1, 10)), snapshot(hours(1), segments=(segment(1, None),)), observed_date=TODAY
    )
    assert decision.sizes == {1: None}
    assert decision.current[1].customers_count is None


@pytest.mark.parametrize("proof", [{"gone_field_ids": frozenset({7})}, {"confirmed_field_ids": frozenset({7})}])
def test_an_option_closes_with_its_field_or_after_a_confirmation(proof: dict[str, Any]) -> None:
    kept = () if "gone_field_ids" in proof else (field(7),)
    before = stored(fields={7: field(7).content_hash}, options={(7, 70): b"o"})
    decision = diff_snapshot(before, snapshot(hours(1), fields=kept, **proof), observed_date=TODAY)
    assert decision.options.closed == {(7, 70): "deleted"}


def test_an_unconfirmed_missing_option_refuses_the_snapshot() -> None:
    before = stored(fields={7: field(7).content_hash}, options={(7, 70): b"o"})
    with pytest.raises(UnprovenEnding, match="option"):
        diff_snapshot(before, snapshot(hours(1), fields=(field(7),)), observed_date=TODAY)


def test_anomalies_open_and_resolve() -> None:
    old = Anomaly(kind="unknown_key", thing="segment", thing_id=1, detail="old")
    new = Anomaly(kind="unknown_key", thing="segment", thing_id=1, detail="new")
    decision = diff_snapshot(
        stored(anomalies=frozenset({old})), snapshot(hours(1), anomalies=(new,)), observed_date=TODAY
    )
    assert decision.opened_anomalies == {new}
    assert decision.resolved_anomalies == {old}


@pytest.mark.parametrize(
    ("mode", "thing", "open_versions", "gone"),
    [
        ("periodicity", "stage", {"stages": {4: b"s"}}, {"gone_stage_ids": frozenset({4})}),
        ("segments", "field", {"fields": {4: b"f"}}, {"gone_field_ids": frozenset({4})}),
    ],
)
def test_missing_stage_or_field_ends_only_once_confirmed(
    mode: Mode, thing: str, open_versions: dict[str, Any], gone: dict[str, Any]
) -> None:
    before = StoredState(observed_at=hours(0), observed_date=TODAY, **open_versions)
    with pytest.raises(UnprovenEnding, match=rf"^1 {thing}\(s\) are open"):
        diff_snapshot(before, snapshot(hours(1), mode=mode), observed_date=TODAY)
    decision = diff_snapshot(before, snapshot(hours(1), mode=mode, **gone), observed_date=TODAY)
    assert {**decision.stages.closed, **decision.fields.closed} == {4: "deleted"}


def test_missing_option_is_named_as_an_option() -> None:
    before = stored(fields={7: field(7).content_hash}, options={(7, 70): b"o"})
    with pytest.raises(UnprovenEnding, match=r"^1 option\(s\) are open"):
        diff_snapshot(before, snapshot(hours(1), fields=(field(7),)), observed_date=TODAY)


def test_newest_state_of_a_segment_has_its_content_and_its_size() -> None:
    changed = segment(1, 11, name="VIP")
    decision = diff_snapshot(stored(segment(1, 10)), snapshot(hours(1), segments=(changed,)), observed_date=TODAY)
    assert decision.segments.opened == {1: changed}
    assert decision.current == {
        1: CurrentSegment(content_hash=changed.content_hash, customers_count=11, valid_from=hours(1))
    }
