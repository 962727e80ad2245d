"""Alert settings: sources, errors, and the webhook if settings fail."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.alert_rules import SizeRule
from pipelines.config.change_kinds import CHANGE_KINDS, DEFAULT_CHANGE_KINDS
from pipelines.config.receivers import build_receivers
from pipelines.config.settings import load_receivers, load_settings

ONE = {"AMOCRM_HOST": "example.amocrm.ru", "AMOCRM_TOKEN": "canary-token"}
ACME = '[accounts.acme]\nhost = "acme.amocrm.ru"\ntoken_env = "ACME"\n'


def test_the_only_account_has_its_rules_in_a_line(tmp_path: Path) -> None:
    [account] = load_settings(ONE | {"AMOCRM_SIZE_ALERTS": "down 10% in 7 days; 50"}, tmp_path).accounts
    assert account.alerts == (
        SizeRule(percent=Decimal(10), directions=("down",), days=7, smallest=20),
        SizeRule(customers=50),
    )


def test_accounts_of_the_file_have_theirs_in_tables(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(
        ACME + '[[accounts.acme.alerts]]\ncustomers = 5\n[[accounts.acme.alerts]]\nsegments = ["VIP"]\npercent = 0.1\n'
    )
    [account] = load_settings({"ACME": "t"}, tmp_path).accounts
    assert account.alerts == (
        SizeRule(customers=5),
        SizeRule(segments=("VIP",), percent=Decimal("0.1"), smallest=20),
    )


def problems(environ: dict[str, str], root: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, root)
    return str(caught.value)


def test_mistakes_name_the_account_and_the_rule(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(
        ACME + "[[accounts.acme.alerts]]\ncustomers = 5\n[[accounts.acme.alerts]]\npercent = 0\n"
        "[[accounts.acme.alerts]]\nheads = 1\n"
    )
    [acme] = load_settings({"ACME": "t"}, tmp_path).unusable
    assert "accounts.toml, alert 2: percent is 0. Write a number above 0" in acme.problems
    assert "accounts.toml, alert 3: 'heads' is unknown." in acme.problems
    for text in ("alerts = 5", "alerts = [5]"):
        (tmp_path / "accounts.toml").write_text(ACME + text)
        [acme] = load_settings({"ACME": "t"}, tmp_path).unusable
        assert "[[accounts.acme.alerts]]" in acme.problems


def test_rules_in_a_line_need_the_account_of_the_variables(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(ACME)
    said = problems({"ACME": "t", "AMOCRM_SIZE_ALERTS": "50"}, tmp_path)
    assert "AMOCRM_SIZE_ALERTS is for the account of AMOCRM_HOST" in said
    assert "'x' is not a rule" in problems(ONE | {"AMOCRM_SIZE_ALERTS": "x"}, tmp_path)


def test_a_schedule_that_would_break_the_code_location_is_refused(tmp_path: Path) -> None:
    said = problems(ONE | {"AMOCRM_SCHEDULE_CRON": "99 * * * *"}, tmp_path)
    assert "'99 * * * *' is not a cron schedule: '99' is not a valid minute (0 to 59)." in said


def test_broken_settings_are_reported_if_the_webhook_is_readable(tmp_path: Path) -> None:
    broken = {"AMOCRM_HOST": "nowhere", "AMOCRM_SCHEDULE_CRON": "x"}
    assert load_receivers(broken, tmp_path) == ()
    (tmp_path / ".env").write_text("AMOCRM_ALERT_WEBHOOK_URL=https://hooks.example.com/file\n")
    assert load_receivers(broken, tmp_path) == build_receivers(Secret("https://hooks.example.com/file"), ())
    given = broken | {"AMOCRM_ALERT_WEBHOOK_URL": "https://hooks.example.com/environ"}
    assert load_receivers(given, tmp_path) == build_receivers(Secret("https://hooks.example.com/environ"), ())
    assert load_receivers(broken | {"AMOCRM_ALERT_WEBHOOK_URL": "ftp://x"}, tmp_path) == ()
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    assert load_receivers(given, tmp_path) == build_receivers(Secret("https://hooks.example.com/environ"), ())


def test_kinds_of_changes_are_those_of_all_accounts_or_of_one(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(
        ACME + 'change_alerts = "rules, mode"\n[accounts.beta]\nhost = "beta.amocrm.ru"\ntoken_env = "ACME"\n'
        '[accounts.gamma]\nhost = "gamma.amocrm.ru"\ntoken_env = "ACME"\nchange_alerts = ["fees"]\n'
    )
    for text, kinds in (("", DEFAULT_CHANGE_KINDS), ("off", frozenset()), ("all", frozenset(CHANGE_KINDS))):
        settings = load_settings({"ACME": "t", "AMOCRM_CHANGE_ALERTS": text}, tmp_path)
        acme, beta = settings.accounts
        assert (settings.change_kinds(acme), settings.change_kinds(beta)) == (frozenset({"rules", "mode"}), kinds)
        [gamma] = settings.unusable
        assert "accounts.toml, change_alerts: 'fees' is not a kind of change. Known are: mode, " in gamma.problems
    assert "AMOCRM_CHANGE_ALERTS: 'x' is not a kind" in problems(ONE | {"AMOCRM_CHANGE_ALERTS": "x"}, tmp_path)


def test_receivers_are_named_by_their_services_and_never_shown(tmp_path: Path) -> None:
    urls = "tgram://canary/1\n slack://canary/a/b SLACK://canary/c json://localhost/canary"
    settings = load_settings(ONE | {"AMOCRM_ALERT_URLS": urls}, tmp_path)
    assert [receiver.name for receiver in settings.receivers] == ["tgram", "slack", "slack 2", "json"]
    assert "canary" not in repr(settings).replace("canary-token", "")
    several = load_settings(
        ONE | {"AMOCRM_ALERT_URLS": "tgram://canary/1,2, slack://canary/a/b,46elks://canary"}, tmp_path
    )
    assert [one.name for one in several.receivers] == ["tgram", "slack", "46elks"], "commas separate, too"
    for wrong, problem in (
        ("tgram://canary/1 canary", "URL 2 is not a URL of a service."),
        ("json://canary.example/x", "URL 1 would be sent in plain text: write jsons:// instead of json://."),
        ("mailto://u:canary@example.com", "URL 1 would be sent in plain text: write mailtos:// instead of mailto://."),
        ("webhook://canary", "URL 1 is not a URL of a service."),
        ("dbus://canary", "URL 1 only shows messages on this machine."),
    ):
        told = problems(ONE | {"AMOCRM_ALERT_URLS": wrong}, tmp_path)
        assert problem in told
        assert "canary" not in told
