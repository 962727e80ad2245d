"""Alerts by Apprise over real sockets: what arrives at services, and that no URL gets into a log or an error."""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy
from typing import Any

import pytest

from commands.doctor.receivers import check_delivery, check_receivers
from pipelines.alerts.delivery import AlertNotSent, deliver
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.receivers import LOCAL_SERVICES, PLAIN_SERVICES, build_receivers
from tests.integration.test_webhook import Hook
from tests.records import START

KEY = "canarykey"
ALERT = FailureAlert(
    account="acme",
    error="Unauthorized",
    what_happened="Segment '<b>R&D</b> @all https://evil.example' failed.",
    what_to_do="Make a new token.",
    run_id="1234",
    link="https://dagster.example.com/runs/1234",
)
TITLE = (
    "amoCRM load of 'acme' failed: Segment '＜b＞R＆D＜/\u200bb＞ @\u200ball https:\u200b//evil.\u200bexample' failed."
)
BODY = "What to do: Make a new token.\nRun: https://dagster.example.com/runs/1234"


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server that accepts every login and every message."""

    daemon_threads = True

    def __init__(self) -> None:
        self.messages: list[str] = []
        super().__init__(("127.0.0.1", 0), MailHandler)

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()


class MailHandler(socketserver.StreamRequestHandler):
    """One connection."""

    server: MailServer

    def handle(self) -> None:
        self.reply("220 ready")
        while line := self.rfile.readline().decode().strip():
            match line.split(" ")[0].upper():
                case "EHLO":
                    self.reply("250-here\r\n250 AUTH PLAIN LOGIN")
                case "AUTH":
                    self.reply("235 welcome")
                case "DATA":
                    self.reply("354 go on")
                    lines = list(iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), "."))
                    self.server.messages.append("\n".join(lines))
                    self.reply("250 taken")
                case "QUIT":
                    self.reply("221 bye")
                    return
                case _:
                    self.reply("250 fine")

    def reply(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def send(*urls: str) -> str | None:
    return deliver(build_receivers(None, map(Secret, urls)), ALERT, sleep=lambda _: None).failure


def test_what_arrives_by_mail_json_slack_and_telegram(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack and Telegram with hosts of their own; their real ones differ in nothing else."""
    from apprise.plugins.slack import NotifySlack  # noqa: PLC0415 - slow to import
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

    with MailServer().running() as mail, Hook(200).running() as hook:
        here = f"127.0.0.1:{hook.port}"
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{here}/slack")
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://{here}/bot")
        mailbox = f"mailto://user:{KEY}@127.0.0.1:{mail.server_address[1]}/?from=a@example.com&to=b@example.com"
        sent = send(
            mailbox,
            f"json://{here}/{KEY}",
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
            "tgram://123456789:abcdefg_hijklmnop/12315544/",
        )
    assert sent is None
    [message] = (message_from_string(text, policy=policy.default) for text in mail.messages)
    assert (message["subject"], message["to"]) == (TITLE, "b@example.com")
    [plain] = [part for part in message.walk() if part.get_content_type() == "text/plain"]
    assert plain.get_content().strip() == BODY
    sent_to: list[tuple[str, Any]] = [(path, body) for path, body, _ in hook.received]
    (json_path, json_body), (slack_path, slack_body), (telegram_path, telegram_body) = sent_to
    assert (json_path, json_body["title"], json_body["message"]) == (f"/{KEY}", TITLE, BODY)
    assert slack_path.startswith("/slack/T1JJ3T3L2/")
    assert [(one["title"], one["text"]) for one in slack_body["attachments"]] == [(TITLE, BODY)]
    assert telegram_path == "/bot123456789:abcdefg_hijklmnop/sendMessage"
    assert telegram_body["text"].replace("\r\n", "\n") == f"<b>{TITLE}</b>\n{BODY}"
    assert "github.com" not in str(sent_to), "no picture is fetched from elsewhere"


def test_urls_are_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.NOTSET)
    for name in ("apprise", "urllib3.connectionpool"):
        caplog.set_level(1, name)
    with Hook(403).running() as hook:
        urls = (
            f"json://user:{KEY}@127.0.0.1:{hook.port}/{KEY}",
            f"json://127.0.0.1:1/{KEY}",
            f"mailto://user:{KEY}@127.0.0.1:1/?from=a@example.com&to=b@example.com",
            f"tgram://{KEY}",
            f"nothing://{KEY}",
        )
        with pytest.raises(AlertNotSent) as caught:
            send(*urls)
        receivers = build_receivers(None, map(Secret, urls))
        checks = [
            *check_receivers(receivers, None),
            *check_delivery(receivers, Clock(now=lambda: START, sleep=lambda _: None)),
        ]
    assert str(caught.value).split(". ") == [
        "The receiver 'json' of AMOCRM_ALERT_URLS answered 403",
        "The receiver 'json 2' of AMOCRM_ALERT_URLS cannot be reached, or rejected the message",
        "The receiver 'mailto' of AMOCRM_ALERT_URLS cannot be reached, or rejected the message",
        "The receiver 'tgram' of AMOCRM_ALERT_URLS has a URL that Apprise does not accept",
        "The receiver 'nothing' of AMOCRM_ALERT_URLS has a URL that Apprise does not accept.",
    ]
    assert checks[0].finding == "Apprise does not accept the URL of tgram, nothing."
    assert [check.status for check in checks] == ["warning"] + ["failed"] * 5
    logging.getLogger("urllib3.connectionpool").debug("other requests are logged as before")
    assert [record.getMessage() for record in caplog.records] == ["other requests are logged as before"]
    assert KEY not in "".join(map(repr, (caught.value, checks, receivers, *capfd.readouterr())))


def test_redirects_are_not_followed() -> None:
    with Hook(302).running() as hook, pytest.raises(AlertNotSent, match="answered 302"):
        send(f"json://127.0.0.1:{hook.port}/{KEY}")
    assert [path for path, _, _ in hook.received] == [f"/{KEY}"]


def test_redirects_are_not_followed_even_if_the_url_asks_for_it() -> None:
    with Hook(307, 200).running() as hook, pytest.raises(AlertNotSent, match="answered 307"):
        send(f"json://127.0.0.1:{hook.port}/?redirect=yes")
    assert len(hook.received) == 1


def test_services_that_send_in_plain_text_or_run_programs_are_those_of_this_apprise() -> None:
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - slow to import

    manager: Any = NotificationManager  # has no types
    names = {name: plugin for plugin in manager().plugins(include_disabled=True) for name in as_names(plugin.protocol)}
    assert {name for name, plugin in names.items() if f"{name}s" in as_names(plugin.secure_protocol)} == (
        PLAIN_SERVICES - {"http"}
    )
    local = {name for name, plugin in names.items() if not plugin.templates or "host" not in str(plugin.templates)}
    assert local - {"psafer", "pushme", "sfr"} == LOCAL_SERVICES


def as_names(protocol: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol or ())
