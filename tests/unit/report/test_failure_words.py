"""Errors in words: each error that a load can record has them."""

from __future__ import annotations

import inspect
from dataclasses import replace

from pipelines.base import errors
from pipelines.report.change_sentences import describe_changes
from pipelines.report.failure_words import FAILURE_WORDS, describe_failures
from tests.unit.report.test_page import figures

NOT_OF_LOADS = {"WarehouseError", "PlanError", "RebuildDiffers", "Superseded", "UncertainWrite"}


def test_every_error_of_a_load_has_words() -> None:
    names = {
        name for name, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.WarehouseError)
    }
    assert names - NOT_OF_LOADS == FAILURE_WORDS.keys()


def test_failures_are_told_in_words_with_counts() -> None:
    assert describe_failures("Unavailable × 10, Unauthorized × 1, KeyError × 2") == (
        "amoCRM was unavailable (10 times), amoCRM rejected the token (1 time), KeyError (2 times)"
    )


def test_price_fields_are_told_with_from_and_to() -> None:
    [change] = figures().changes
    edits = [("7", "7, 9"), (None, "7"), ("7", None)]
    changes = [replace(change, property="price_field_ids", old_text=old, new_text=new) for old, new in edits]
    assert [sentence.text for sentence in describe_changes(changes)] == [
        "price fields of segment 'VIP' changed from 7 to 7, 9",
        "price fields of segment 'VIP' changed from none to 7",
        "price fields of segment 'VIP' changed from 7 to none",
    ]
