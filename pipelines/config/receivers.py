"""Receivers of alerts: a webhook that takes JSON, and services that Apprise knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.parsing import LOCAL_HOSTS

WEBHOOK: Final = "webhook"
"""Name of the receiver that AMOCRM_ALERT_WEBHOOK_URL describes."""

_SEPARATOR: Final = re.compile(r"\s+|,\s*(?=[a-z0-9][a-z0-9+.-]{1,30}://)", re.IGNORECASE)
_SERVICE_URL: Final = re.compile(r"[a-z0-9][a-z0-9+.-]{1,30}://\S+", re.IGNORECASE)

LOCAL_SERVICES: Final = frozenset(
    ("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows")
)
"""Services that show a message on this machine, where nobody looks at a server's screen; some start a program."""

PLAIN_SERVICES: Final = frozenset(
    (
        *("amqp", "apprise", "bark", "deltachat", "emby", "enigma2", "evolution", "flowtriq", "fluxer", "form"),
        *("goalert", "gorush", "gotify", "hassio", "http", "humhub", "irc", "jellyfin", "json", "kodi", "lametric"),
        *("mailto", "mastodon", "matrix", "misskey", "mmost", "mqtt", "ncloud", "nctalk", "notica", "notifico"),
        *("ntfy", "onebot", "opsimate", "parsep", "pinglet", "pjet", "psafer", "pushdeer", "rocket", "session"),
        *("signal", "smpp", "smseagle", "synology", "toot", "trigv", "xbmc", "xml", "xmpp"),
    )
)
"""Services whose name with an s at its end sends encrypted, and without it in plain text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receiver:
    """Receiver of alerts. Its name can be shown; its URL is a secret."""

    name: str  # such as 'webhook', 'tgram', or 'slack 2' for the second of a service
    url: Secret

    @property
    def is_webhook(self) -> bool:
        """True if it takes our JSON; False if Apprise sends it a text."""
        return self.name == WEBHOOK


def build_receivers(webhook: Secret | None, services: Iterable[Secret]) -> tuple[Receiver, ...]:
    """Name the receivers by their services, in the order of the settings."""
    receivers = [Receiver(name=WEBHOOK, url=webhook)] if webhook else []
    counts: Counter[str] = Counter()
    for url in services:
        service = url.reveal().partition("://")[0].lower()
        counts[service] += 1
        name = service if counts[service] == 1 else f"{service} {counts[service]}"
        receivers.append(Receiver(name=name, url=url))
    return tuple(receivers)


def parse_service_urls(text: str) -> tuple[Secret, ...]:
    """Parse URLs of Apprise, separated by spaces, line breaks or commas. They hold tokens, so they are never shown.

    Apprise itself checks them when it sends, and 'doctor' does before: it is too slow to import here.
    """
    return tuple(
        _parse_service_url(url, number) for number, url in enumerate(filter(None, _SEPARATOR.split(text)), start=1)
    )


def _parse_service_url(url: str, number: int) -> Secret:
    """Check the form of a URL, of which messages name only the position."""
    service = url.partition("://")[0].lower()
    problem = None
    if not _SERVICE_URL.fullmatch(url) or service == WEBHOOK:
        problem = "is not a URL of a service"
    elif service in LOCAL_SERVICES:
        problem = "only shows messages on this machine"
    elif service in PLAIN_SERVICES and not _is_local(url):
        problem = f"would be sent in plain text: write {service}s:// instead of {service}://"
    if problem:
        raise SettingsError(
            f"URL {number} {problem}.",
            advice="Write e.g. tgram://BOT_TOKEN/CHAT_ID or mailtos://USER:PASSWORD@example.com, separated by spaces; "
            "https://appriseit.com/services/ lists the services.",
        )
    return Secret(url)


def _is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOCAL_HOSTS
    except ValueError:
        return False
