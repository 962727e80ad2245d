"""The fuzzer's targets hold for their seeds, and a broken target is reported."""

from __future__ import annotations

import pytest

from fuzz.__main__ import PREFIX
from fuzz.mutate import mutated
from fuzz.targets import TARGETS, seeds


def test_every_target_is_offered() -> None:
    assert PREFIX.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds(name: str) -> None:
    head = PREFIX[name]
    for seed in seeds(name):
        TARGETS[name](seed)
        for number in range(30):
            TARGETS[name](seed[:head] + mutated(seed[head:], number, lambda body: body[: len(body) * 2 // 3]))


def test_mutations_are_json_and_differ() -> None:
    [segments, *_] = seeds("a-list-is-stored-or-refused")
    found = {mutated(segments[1:], number, lambda body: body) for number in range(50)}
    assert len(found) > 30


def test_a_parser_that_leaks_other_exceptions_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.amocrm.sanitize._REPLACEMENT", "\x00")
    [segments, *_] = seeds("a-list-is-stored-or-refused")
    with pytest.raises(AssertionError):
        TARGETS["a-list-is-stored-or-refused"](
            segments.replace(b'"name":"', b'"name":"\\u0000').replace(b'"name": "', b'"name": "\\u0000')
        )
