"""Summary of a fleet: every cause, shortened."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.base.errors import Blocked, SettingsError, Unavailable, WarehouseError, WrongAccount
from pipelines.load.fleet_summary import format_failures
from pipelines.load.result import LoadResult, report_error


def failed(account_key: str, error: WarehouseError) -> LoadResult:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    failure = report_error(error, account_key)
    return LoadResult(account_key=account_key, started_at=at, ended_at=at, status="failed", failure=failure)


def test_every_cause_is_listed() -> None:
    """What differs by the account alone is one cause; what is another message is another."""
    unset = "2 settings cannot be used:\n  - the variable {} is not set.\n  - 'logn' is unknown.\n"
    told = format_failures(
        [
            failed("down-503", Unavailable("amoCRM answered 503 Service Unavailable.")),
            failed("refused", Unavailable("No response: the connection was refused.")),
            failed("down-too", Unavailable("amoCRM answered 503 Service Unavailable.")),
            failed("one", SettingsError(unset.format("ONE"))),
            failed("two", SettingsError("the host is wrong.")),
            failed(
                "blocked-1",
                Blocked("a.amocrm.ru blocked this address; no request is sent to it for another 9 minutes."),
            ),
            failed(
                "blocked-2",
                Blocked("b.kommo.com blocked this address; no request is sent to it for another 10 minutes."),
            ),
            failed("wrong-1", WrongAccount("The token belongs to account 1234567, and the history to account 89012.")),
            failed("wrong-2", WrongAccount("The token belongs to account 7654321, and the history to account 21098.")),
        ]
    )
    found = {one.partition(",")[0]: one.splitlines() for one in told}
    assert len(found) == len(told) == 4
    assert found["Unavailable"][:3] == [
        "Unavailable, 3 accounts",
        "What happened, to down-503, down-too: amoCRM answered 503 Service Unavailable.",
        "What happened, to refused: No response: the connection was refused.",
    ]
    assert found["SettingsError"][:5] == [
        "SettingsError, 2 accounts",
        "What happened, to one: 2 settings cannot be used:",
        "  - the variable ONE is not set.",
        "  - 'logn' is unknown.",
        "What happened, to two: the host is wrong.",
    ]
    assert found["Blocked"][0] == "Blocked, 2 accounts: blocked-1, blocked-2"
    assert found["WrongAccount"][0] == "WrongAccount, 2 accounts: wrong-1, wrong-2"


def test_hundreds_of_causes_are_shortened() -> None:
    [told] = format_failures(
        [failed(f"account-{n:03}", SettingsError(f"the variable V{n} is not set.")) for n in range(300)]
    )
    assert "to account-019: the variable V19 is not set." in told
    assert "\nSomething else, to account-020, account-021, " in told
    assert told.count("the variable") == 20
    assert " and 80 more: see analytics.load_outcomes." in " ".join(told.split())
