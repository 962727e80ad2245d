"""Foreign text cannot control a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.base.errors import ApiError, WarehouseError
from pipelines.base.escape import printable_json, printable_lines
from tests.acceptance.test_hostile_names import UNPRINTABLE

HOSTILE = "\x1b[2J\x9b31m\u202e\u2066\u200b\x07\r\x85\u2028"


@given(st.text())
def test_no_line_holds_what_cannot_be_printed(text: str) -> None:
    shown = printable_lines(text)
    assert not UNPRINTABLE.search(shown)
    assert shown.count("\n") == text.count("\n")


def test_readable_text_stays_as_it_is() -> None:
    text = "Зерно 1\u00a0234\u202f% — «VIP»\n  - second line ☕"
    assert printable_lines(text) == printable_json(text) == text


@given(st.dictionaries(st.text(), st.text()))
def test_json_means_the_same(document: dict[str, str]) -> None:
    shown = printable_json(json.dumps(document, ensure_ascii=False, indent=2))
    assert json.loads(shown) == document
    assert not UNPRINTABLE.search(shown)


@pytest.mark.parametrize("error", [WarehouseError, ApiError])
def test_an_error_shows_what_it_quotes_without_obeying_it(error: type[WarehouseError]) -> None:
    raised = error(f"amoCRM said {HOSTILE}", account=HOSTILE, advice=f"Look at {HOSTILE}")
    if isinstance(raised, ApiError):
        raised = ApiError(HOSTILE, request=f"GET /{HOSTILE}", request_id=HOSTILE)
    for shown in (str(raised), raised.message, raised.advice, str(raised.args)):
        assert not UNPRINTABLE.search(shown)
