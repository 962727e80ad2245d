"""docs/queries.md: every query runs with a reader's rights and returns rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from pipelines.amocrm.models import Anomaly, FieldValue, Rule, Segment
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.publish import publish
from pipelines.warehouse.queries import statement
from pipelines.warehouse.wide_views import update_wide_view
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, START, account, field, option, origin, segment, snapshot, stage
from tests.scan_rows import insert_scan

OF_THE_DEMO: Final = {"31405382": str(ACCOUNT_ID), "184211": "1"}
"""The page asks for the demo's account and its segment VIP; here they have other ids."""

PAGE: Final = re.sub(
    "|".join(OF_THE_DEMO),
    lambda found: OF_THE_DEMO[found[0]],
    (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8"),
)
QUESTIONS: Final = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
QUERIES: Final = [
    pytest.param(query, id=f"{question.split('.')[0]}-{number}")
    for question in QUESTIONS
    for number, query in enumerate(re.findall(r"```sql\n(.+?)```", question, re.DOTALL), start=1)
]

DAYS: Final = 80
"""Loads come once a day, the last one now: the page asks for what happened lately."""

FIELDS: Final = (
    field(7, option(70, value="Email"), option(71, value="SMS"), name="Канал"),
    field(8, name="Скидка, %", type="numeric"),
)


def segments_of(day: int) -> tuple[Segment, ...]:
    """VIP grows, and on one day by a half; Newcomers shrink and are renamed."""
    channel = (FieldValue(field_id=7, field_type="select", position=0, option_id=70),)
    discount = FieldValue(field_id=8, field_type="numeric", position=0, number=Decimal(15 if day > 70 else 10))
    return (
        segment(1, 100 + day + (80 if day >= 60 else 0), name="VIP", field_values=(*channel, discount)),
        segment(2, 900 - day, name="Newcomers" if day < 65 else "New", field_values=channel),
    )


@pytest.fixture(scope="module")
def reader(new_database: NewDatabase, migrated_template: str) -> Iterator[psycopg.Connection]:
    """A reader of a warehouse in which every question of the page has an answer."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        now = datetime.now(UTC)
        for day in range(DAYS):
            at = now - timedelta(days=DAYS - 1 - day)
            if day in (30, 31):
                with engine.begin() as connection:
                    connection.execute(
                        statement("insert_load_failure"),
                        {
                            "account_key": "main",
                            "account_id": ACCOUNT_ID,
                            "started_at": at,
                            "failed_at": at,
                            "error": "Unavailable",
                            "message": "amoCRM was out.",
                            "run_id": None,
                        },
                    )
                continue
            if day in (10, 11):
                rules = (Rule(group=0, position=0, type="after_today", match=60 + day, body={"value": 60 + day}),)
                publish(engine, snapshot(at, "periodicity", stages=(stage(4, rules),)), origin())
                continue
            anomaly = Anomaly(kind="unknown_key", thing="segment", thing_id=1, detail="'bonus'")
            publish(engine, snapshot(at, fields=FIELDS, segments=segments_of(day), anomalies=(anomaly,)), origin())
            if day in (59, 60):
                insert_scan(engine, at, {1: 100 + day + (80 if day == 60 else 0)}, [(2, 1, 80)])
            if day == DAYS - 1:
                insert_scan(engine, at, {4: 500}, is_stage=True)
        update_wide_view(engine, ACCOUNT_ID)
        engine.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set session authorization amocrm_reader")
            yield connection


def responses(reader: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return reader.execute(query.encode()).fetchall()


def test_the_page_has_ten_questions() -> None:
    numbers = [question.split(".")[0] for question in QUESTIONS]
    assert numbers[:10] == [str(number) for number in range(1, 11)]
    assert {query.id.split("-")[0] for query in QUERIES} == set(numbers[:10])  # type: ignore[union-attr]


@pytest.mark.parametrize("query", [query for query in QUERIES if query.id != "9-1"])
def test_every_query_finds_something(reader: psycopg.Connection, query: str) -> None:
    assert responses(reader, query)


def test_rules_of_now_are_those_of_an_account_of_stages(engine: Any, postgres_url: str) -> None:
    body = {"type": "after_today", "match": {"value": 60}}
    rules = (Rule(group=0, position=0, type="after_today", match=60, body=body),)
    seen = snapshot(START, account=account("periodicity"), stages=(stage(4, rules),))
    publish(engine, seen, origin())
    [query] = [query.values[0] for query in QUERIES if query.id == "9-1"]
    with psycopg.connect(postgres_url) as connection:
        assert responses(connection, str(query)) == [("Stage 4", "regular", "after today: 60 days", START)]


def answer_to(reader: psycopg.Connection, name: str) -> list[tuple[Any, ...]]:
    [query] = [query.values[0] for query in QUERIES if query.id == name]
    return responses(reader, str(query))


def test_answers_are_right(reader: psycopg.Connection) -> None:
    assert answer_to(reader, "1-1") == [
        ("New", 821, -1, -7, -30, Decimal("-3.5")),
        ("VIP", 259, 1, 7, 110, Decimal("73.8")),
    ]
    assert [row[:3] for row in answer_to(reader, "2-1")] == [("up", 1, "VIP"), ("down", 1, "New")]
    filled = answer_to(reader, "3-2")
    assert [row[2] for row in filled if not row[1]] == [129, 129], "the two days without a load"
    assert {row[1] for row in answer_to(reader, "3-3")} == {1}, "never restored"
    assert [row[:2] for row in answer_to(reader, "5-1")] == [("Newcomers", 851), ("VIP", 149)]
    [jump] = answer_to(reader, "7-1")
    assert jump[1:4] == ("VIP", 159, 240)
    assert answer_to(reader, "8-1") == [("Email", 2, Decimal(1080), Decimal(80))]
    assert answer_to(reader, "8-2") == [("New", 821, "Email", None), ("VIP", 259, "Email", Decimal(15))]
    [gap] = answer_to(reader, "10-2")
    assert gap[2:] == (2, 2, 2, "Unavailable × 2", "amoCRM was out.")
