"""What of a load is remembered, so that the next one can be answered the same: the usable answers, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.amocrm.records import RawAnswer, Resource
from pipelines.amocrm.said import Said, what_was_said
from tests.unit.amocrm.made import raw_answer


def answers() -> list[RawAnswer]:
    """Of a load of a key that is new: the account twice, and two lists."""
    account = {"id": 1}
    return [
        raw_answer(0, "account", account),
        raw_answer(1, "account", account),
        raw_answer(2, "segments", {}),
        raw_answer(3, "fields", {}),
    ]


def test_each_question_is_remembered_once() -> None:
    said = what_was_said(answers())
    assert said
    assert [(one.resource, one.page) for one in said] == [("account", None), ("segments", 1), ("fields", 1)]
    assert [Said.from_json(one.as_json()) for one in said] == list(said)


def test_of_several_answers_the_last_is_the_usable_one() -> None:
    account, _, segments, fields = answers()
    refused = replace(segments, is_accepted=False, status=429, body_hash=b"other")
    assert what_was_said([account, refused, segments, fields]) == what_was_said([account, segments, fields])


def test_an_account_that_changed_meanwhile_is_not_remembered() -> None:
    account, again, *lists = answers()
    assert what_was_said([account, replace(again, body_hash=b"another name"), *lists]) is None


@pytest.mark.parametrize("resource", ["segment", "field", "stage"])
def test_a_load_that_asked_for_single_things_is_not_remembered(resource: Resource) -> None:
    assert what_was_said([*answers(), raw_answer(4, resource, {}, thing_id=7)]) is None
