"""Fingerprint of a plan's calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.writeback.calls import Plan
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.plan import make_plan
from pipelines.writeback.plan_fingerprint import deleted_ids, fingerprint
from tests.records import START, account, segment, snapshot

SEGMENTS = (segment(51, name="VIP"), segment(52, name="Gone"))
DELETING = "version: 1\nsegments: [{id: 51, name: Gold}, {id: 52, delete: true}]"


def planned(text: str = DELETING, *, source: str = "segments.yaml", account_id: int = 1001) -> Plan:
    live = snapshot(START, account=replace(account(), id=account_id), segments=SEGMENTS)
    return make_plan(live, parse_desired(text, source=source), account_key="shop")


def test_equal_calls_have_equal_fingerprints() -> None:
    assert fingerprint(planned()) == fingerprint(planned(source="the run's text"))
    assert len(fingerprint(planned())) == 64


@pytest.mark.parametrize(
    "other",
    [
        planned("version: 1\nsegments: [{id: 51, name: Golden}, {id: 52, delete: true}]"),
        planned("version: 1\nsegments: [{id: 51, name: Gold}, {id: 52, name: Kept}]"),
        planned("version: 1\nsegments: [{id: 51, name: Gold}]"),
        planned("version: 1\nsegments: [{id: 52, name: Gold}, {id: 51, delete: true}]"),
        planned("version: 1\nsegments: []"),
        planned(account_id=1002),
    ],
)
def test_other_calls_or_another_account_have_another(other: Plan) -> None:
    assert fingerprint(other) != fingerprint(planned())


def test_what_is_deleted_is_listed_by_kind() -> None:
    assert deleted_ids(planned(), "segment") == (52,)
    assert deleted_ids(planned(), "stage") == ()
