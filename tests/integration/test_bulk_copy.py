"""Every value sent by COPY comes back unchanged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Engine, text

from pipelines.transform.relation import BOOLEAN, INSTANT, INTEGER, OBJECT, TEXT, Relation
from pipelines.warehouse.bulk_copy import MIN_FRAME_ROWS, copy_rows, format_frame, format_rows

COPIED = Relation(
    name="copied",
    columns={
        "position": INTEGER,
        "word": TEXT,
        "number": OBJECT,
        "truth": BOOLEAN,
        "day": OBJECT,
        "moment": INSTANT,
        "hash": OBJECT,
        "json_value": OBJECT,
    },
    key=("position",),
)
TABLE = """
    create table amocrm.copied (
        position bigint, word text, number numeric, truth boolean, day date, moment timestamptz, hash bytea,
        json_value jsonb
    )
"""
WORDS = (
    "\\N", "\\.", "\\", "\\\\N", "\t", "\r\n", "\n", "\r", "", " ", "None", "NULL", "<NA>", "\x0b\x0c\x85\u2028", '"',
    "\\x00", "a\\tb", "Ёж 🦔", "'; --", "%s",
)  # fmt: skip


def test_what_is_copied_comes_back(engine: Engine) -> None:
    rows = [
        (2**63 - 1, "a", Decimal("0.10"), True, date.min, datetime.min.replace(tzinfo=UTC), b"", [[1, 2], [3, 4]]),
        (-(2**63), "a", Decimal("1E+5"), False, date.max, datetime.max.replace(tzinfo=UTC), b"\\", [[1, 2], [3, 4]]),
        (2**53 + 1, None, Decimal("0.100"), None, None, None, None, None),
        *((position, word, None, None, None, None, word.encode(), {word: word}) for position, word in enumerate(WORDS)),
    ]
    few, many = format_rows(COPIED, rows), format_frame(COPIED.frame(rows))
    assert len(rows) < MIN_FRAME_ROWS
    for formatted in (few, many):
        with engine.begin() as connection:
            connection.execute(text(TABLE))
            copy_rows(connection, {COPIED: formatted})
            found = connection.execute(text("select * from amocrm.copied")).all()
            connection.execute(text("drop table amocrm.copied"))
        assert [tuple(row) for row in found] == rows
        assert [str(row.number) for row in found[:3]] == ["0.10", "100000", "0.100"]


def test_decimals_in_json_keep_their_digits(engine: Engine) -> None:
    row = (1, None, None, None, None, None, None, {"a": Decimal("1.50")})
    with engine.begin() as connection:
        connection.execute(text(TABLE))
        copy_rows(connection, {COPIED: format_rows(COPIED, [row])})
        assert connection.scalar(text("select json_value::text from amocrm.copied")) == '{"a": 1.50}'
