"""Failure alerts: the beginning, another error, each further day, and the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.load_transitions import FailureEvent, LoadTransition, describe_transitions

SINCE = datetime(2026, 11, 1, 10, tzinfo=UTC)


def transition(error: str | None, error_before: str | None, *, hours: float = 1, apart: float = 1) -> LoadTransition:
    """An account's course ``hours`` after it began to fail; the load before was ``apart`` hours earlier."""
    ended_at = SINCE + timedelta(hours=hours)
    return LoadTransition(
        account_key="acme",
        ended_at=ended_at,
        error=error,
        before_at=ended_at - timedelta(hours=apart) if error_before else None,
        error_before=error_before,
        since=SINCE,
    )


@pytest.mark.parametrize(
    ("error", "error_before", "news"),
    [
        ("Unauthorized", None, "begun"),
        ("Unauthorized", "Unauthorized", None),
        ("Unauthorized", "NotFound", "changed"),
        (None, "NotFound", "over"),
        (None, None, None),
    ],
)
def test_what_is_new(error: str | None, error_before: str | None, news: FailureEvent | None) -> None:
    assert transition(error, error_before).event == news


@pytest.mark.parametrize("apart", [0.25, 1, 7, 24, 50])
def test_a_lasting_failure_is_reported_once_a_day(apart: float) -> None:
    told = [
        hours
        for step in range(1, 1 + round(240 / apart))
        if transition("NotFound", "NotFound", hours=(hours := step * apart), apart=apart).event
    ]
    assert [hours // 24 for hours in told] == sorted({hours // 24 for hours in told}), "never twice on one day"
    assert all(later - earlier < 24 + apart for earlier, later in zip([0, *told], told, strict=False))


def test_all_of_it_in_words() -> None:
    transitions = [
        transition("Unauthorized", None),
        transition("Forbidden", "NotFound"),
        transition("NotFound", "NotFound", hours=24),
    ]
    assert describe_transitions(
        [*transitions, transition(None, None), transition("NotFound", "NotFound")], about_account="bucket"
    ) == (
        "Started failing: acme. Now fails with a different error: acme (since 2026-11-01 10:00 UTC). "
        "Still fails: acme (since 2026-11-01 10:00 UTC)."
    )
    over = "Loaded again: acme (failed since 2026-11-01 10:00 UTC)."
    assert describe_transitions([transition(None, "NotFound")], about_account="bucket") == over
    assert (
        describe_transitions([transition(None, None), transition("NotFound", "NotFound")], about_account="bucket")
        is None
    )


@pytest.mark.parametrize(
    ("error", "error_before", "hours", "words"),
    [
        ("Unauthorized", None, 1, ""),
        ("Unauthorized", "NotFound", 1, "It has failed since 2026-11-01 10:00 UTC, now with a different error."),
        ("NotFound", "NotFound", 24, "It has failed since 2026-11-01 10:00 UTC."),
        (None, "NotFound", 1, "It had failed since 2026-11-01 10:00 UTC."),
        (None, None, 1, None),
    ],
)
def test_a_message_on_one_account_says_nothing_twice(
    error: str | None, error_before: str | None, hours: float, words: str | None
) -> None:
    assert describe_transitions([transition(error, error_before, hours=hours)], about_account="acme") == words
