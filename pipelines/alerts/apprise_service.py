"""Send a message's text to a service that Apprise knows, such as Telegram, Slack or e-mail.

Apprise is imported when a message is sent: it takes a third of a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from pipelines.alerts.webhook import TRANSIENT_STATUSES
from pipelines.base.secret import Secret

if TYPE_CHECKING:
    from apprise import Apprise

MAX_TITLE_LENGTH: Final = 120
"""Characters of the title, which is the subject of an e-mail."""

_LOGGERS: Final = ("apprise", "urllib3.connectionpool")
"""Loggers whose records contain URLs, and so tokens."""

_captured: Final[ContextVar[list[str] | None]] = ContextVar("captured", default=None)

_STATUS: Final = re.compile(r"\berror=(\d{3})\b")

_ENTITIES: Final = (("&lt;", "＜"), ("&gt;", "＞"), ("&amp;", "＆"))
"""Apprise escapes ``& < >`` as each service requires, or not at all; entities would be shown as they are."""


def send_text(url: Secret, text: str) -> tuple[str | None, bool]:
    """Send an inert text once; its first line becomes the title.

    Returns the error, if any, which never contains the address, and whether it is transient.
    """
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    first_line, _, rest = text.partition("\n")
    title = first_line if len(first_line) <= MAX_TITLE_LENGTH else f"{first_line[: MAX_TITLE_LENGTH - 1]}…"
    body = rest if rest and title == first_line else text
    with _logs_captured() as messages:
        try:
            service = _service(url)
            if service is None:
                return "has a URL that Apprise does not accept", False
            if service.notify(body=body, title=title, body_format="text"):
                return None, False
        except Exception as error:  # noqa: BLE001 - of any of 130 plugins; its text may contain the URL
            return f"cannot be used ({type(error).__name__})", False
    status = next((match[1] for match in map(_STATUS.search, messages) if match), None)
    if status is None:
        return "cannot be reached, or rejected the message", True
    return f"answered {status}", int(status) in TRANSIENT_STATUSES


def is_valid_url(url: Secret) -> bool:
    """Return True if Apprise accepts the URL. Nothing is sent."""
    with _logs_captured():
        return _service(url) is not None


def _service(url: Secret) -> Apprise | None:
    """Create the service that a URL describes; None if there is none."""
    from apprise import Apprise, AppriseAsset, OverflowMode  # noqa: PLC0415 - slow to import

    asset = AppriseAsset(app_id="amoCRM warehouse", app_desc="Alerts", image_url_mask="", http_redirects=False)
    service = Apprise.instantiate(url.reveal(), asset=asset)
    if service is None:
        return None
    service.overflow_mode = OverflowMode.SPLIT  # Telegram rejects texts of more than 4,096 characters
    service.redirects = False  # a URL may end with ?redirect=yes
    apprise = Apprise(asset=asset)
    apprise.add(service)
    return apprise


@contextmanager
def _logs_captured() -> Iterator[list[str]]:
    """Collect what is logged about sending, instead of writing it to a log: it contains URLs.

    Apprise's own threads inherit the context variable.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_capture)  # adding it again changes nothing
    messages: list[str] = []
    token = _captured.set(messages)
    try:
        yield messages
    finally:
        _captured.reset(token)


def _capture(record: logging.LogRecord) -> bool:
    """Filter of a logger: collect the record if it is about sending."""
    messages = _captured.get()
    if messages is None:
        return True
    messages.append(record.getMessage())
    return False
