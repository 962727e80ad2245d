"""Alerts in another language: no word escapes, and what is escaped stays so."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from pipelines.alerts.change_alert import ReportedChange
from pipelines.alerts.change_alert_text import describe_alert as describe_changes_alert
from pipelines.alerts.change_alert_text import describe_change
from pipelines.alerts.chat_text import inert_payload
from pipelines.alerts.failure_alert import ALL_ACCOUNTS, FailureAlert
from pipelines.alerts.load_transitions import describe_transitions
from pipelines.alerts.size_alert import SizeAlert, SizeAlertBatch
from pipelines.alerts.size_alert_text import describe_alert
from pipelines.alerts.size_rules import NewAlert
from pipelines.base.language import load_language
from pipelines.report.events import change_events
from pipelines.report.formats import Formats
from tests.pseudo_locale import PSEUDO, untranslated
from tests.unit.alerts.test_failures import transition
from tests.unit.alerts.test_size_alert_text import ALERT, FLOWS, change

FORMATS = replace(Formats.for_account(None, "UTC", "en"), language=PSEUDO)
LINK = "https://dagster.example.com/runs/1"


@pytest.mark.parametrize(
    "alert",
    [
        ALERT,
        replace(ALERT, customers_count=50, missed_days=3),
        replace(ALERT, previous_count=0),
        replace(ALERT, is_stage=True),
        replace(ALERT, is_stage=True, customers_count=50, missed_days=3),
        replace(ALERT, is_stage=True, previous_count=0),
    ],
)
def test_no_word_of_a_size_alert_escapes_translation(alert: NewAlert) -> None:
    context = list(change_events([change("changed", thing_id=place) for place in range(9)], FORMATS))
    came, went = ([flow._replace(other_name="1") for flow in flows] for flows in (FLOWS.came, FLOWS.went))
    flows = replace(FLOWS, place="stage" if alert.is_stage else "segment", came=came, went=went)
    for events, who in (([], replace(flows, came=[], went=[])), (context, flows)):
        message = describe_alert(alert, events, who, FORMATS)
        one = SizeAlert(**asdict(alert), alert_id=UUID(int=1), around=[], flows=None, message=message)
        assert untranslated(SizeAlertBatch(account="1", alerts=[one] * 11, language=PSEUDO).text) == []


def test_no_word_of_an_alert_on_changes_escapes_translation() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    texts = [
        describe_change(change("deleted"), who, reason, FORMATS)
        for who, reason in ((None, None), ("1", None), ("1", "2"))
    ]
    changes = [
        ReportedChange(
            observed_at=at,
            previous_observed_at=at - timedelta(hours=1),
            kind="rules" if place else "deleted",
            thing="stage",
            thing_id=place,
            name="1",
            attribute="conditions" if place else None,
            old="1",
            new="2",
            who=None,
            reason=None,
            load_count=12,
            sentence=texts[place % 3],
        )
        for place in range(12)
    ]
    shown = describe_changes_alert(changes, 12, FORMATS, "--account 1")
    assert set(untranslated("\n".join([*texts, shown]))) <= {"id"}


@pytest.mark.parametrize("error", ["Unauthorized", None])
def test_no_word_of_a_failure_alert_escapes_translation(error: str | None) -> None:
    transitions = [transition(error, None if error else "NotFound"), transition(error, "NotFound")]
    for about in ("acme", "fleet"):
        for shown in (transitions, transitions[1:]):
            alert = FailureAlert(
                account=ALL_ACCOUNTS,
                error=error,
                what_happened=describe_transitions(shown, about_account=about) or "",
                what_to_do="1",
                run_id="1",
                language=PSEUDO,
            )
            assert untranslated(alert.text) == []


def test_a_link_can_be_followed_in_every_language() -> None:
    alert = FailureAlert(
        account="acme",
        error="Unauthorized",
        what_happened="<b>x</b>\nЗапуск: https://evil.example/runs/2",
        what_to_do="",
        run_id="1",
        link=LINK,
        language=load_language("ru"),
    )
    text = inert_payload(alert.payload())["text"]
    assert text.startswith("amoCRM, 'acme', загрузка — ошибка: amoCRM не принял токен. &lt;b&gt;x")
    assert text.endswith(f"\nЗапуск: {LINK}")
    assert text.count("://") == 1
