"""Frames have their relation's types and unique keys."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipelines.transform.relation import BOOLEAN, INSTANT, INTEGER, OBJECT, TEXT, Relation

AT = datetime(2026, 3, 1, tzinfo=UTC)
RELATION = Relation(
    name="example",
    columns={"id": INTEGER, "at": INSTANT, "name": TEXT, "is_on": BOOLEAN, "value": OBJECT},
    key=("id", "at"),
)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(1, AT, None, None, None)],
        [(2**53 + 1, AT, "x", True, Decimal("1.50")), (None, None, None, None, None)],
        [(1, AT, "", False, ""), (2, AT, "x", None, None)],
        [(1, AT, "x", None, [1, 2]), (2, AT, "x", None, [3, 4])],
    ],
)
def test_a_frame_has_its_types_and_its_values(rows: list[tuple[object, ...]]) -> None:
    frame = RELATION.frame(rows)
    assert [str(dtype) for dtype in frame.dtypes] == list(RELATION.columns.values())
    typed = [
        frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in tuple(RELATION.columns)[:-1]
    ]
    assert list(zip(*typed, frame["value"].tolist(), strict=True)) == rows


def test_rows_of_one_key_are_shown() -> None:
    rows = [(7, AT, "a", None, None), (8, AT, "b", None, None), (7, AT, "c", None, None)]
    for build in (RELATION.frame, RELATION.check):
        with pytest.raises(ValueError, match=r"example: rows with the same key \('id', 'at'\): \[\(7, datetime"):
            build(rows)


@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_a_value_of_another_type_is_rejected(column: int) -> None:
    row: list[object] = [1, AT, "x", True, None]
    row[column] = 1.5
    with pytest.raises(TypeError, match=r"example\.(id|at|name|is_on): a value is no "):
        RELATION.check([tuple(row)])
