"""Reading single settings: what each value may be, and gathering every mistake before giving up.

Which settings there are, and what they mean, is said in ``settings``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pipelines.base.checks import is_visible_ascii
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.cron import cron_error
from pipelines.config.database_url import parse_database_url

MAX_REQUESTS_PER_SECOND: Final = 7  # amoCRM's limit for an integration
UNLIMITED: Final = "unlimited"
MAX_THREADS: Final = 64
MAX_BUCKETS: Final = 1_000
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

SHORTEST_SECRET: Final = 32

_HOST_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?", re.ASCII)

T = TypeVar("T")


class SettingsReader:
    """The variables, and the mistakes found in them so far."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[str] = []

    def text(self, name: str) -> str | None:
        """The variable as written, or None where it is missing or empty."""
        return self._variables.get(name, "").strip() or None

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The variable's value; None where it is missing, and where it is a mistake, which is noted."""
        text = self.text(name)
        if text is not None:
            with self.collect_problems(name):
                return parse(text)
        return None

    def add_problem(self, problem: str) -> None:
        """Remember a mistake to tell the user of at the end."""
        self._problems.append(problem)

    @contextmanager
    def collect_problems(self, source: str) -> Iterator[None]:
        """Note a ``SettingsError`` raised within as a mistake of ``place``."""
        try:
            yield
        except SettingsError as error:
            self.add_problem(f"{source}: {error}")

    def with_own_problems(self) -> SettingsReader:
        """A reader of the same variables, for mistakes that concern one account alone."""
        return SettingsReader(self._variables)

    @property
    def problems(self) -> str:
        """All mistakes in one text; nothing where there is none."""
        if len(self._problems) < 2:
            return "".join(self._problems)
        listed = "".join(f"\n  - {problem}" for problem in self._problems)
        return f"{len(self._problems)} settings cannot be used:{listed}\n"

    def raise_problems(self) -> None:
        """Raise one ``SettingsError`` for all mistakes, if there is any."""
        if self.problems:
            raise SettingsError(self.problems)


def parse_path(text: str) -> Path:
    """A file or folder; ``~`` is the user's own."""
    if "\0" in text:
        raise SettingsError("no path has a NUL character in it.", advice="Write the path without '\\u0000'.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise SettingsError("the home folder that '~' stands for is unknown.", advice="Write the whole path.") from None


def parse_database_address(text: str) -> Secret:
    """The address of a Postgres database."""
    parse_database_url(text)
    return Secret(text)


def parse_days(text: str) -> int:
    """A number of days from 0 on."""
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise SettingsError(
            f"{text[:40]!r} is not a number of days.", advice="Write a whole number, e.g. 30; 0 keeps none."
        )
    return int(text)


def parse_request_rate(text: str) -> float:
    """Requests a second, fractions allowed."""
    rate = float(text) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text) else 0
    if not 0 < rate <= MAX_REQUESTS_PER_SECOND:
        raise SettingsError(
            f"{text[:40]!r} is not a number above 0 and up to {MAX_REQUESTS_PER_SECOND}, all that amoCRM allows.",
            advice="Write e.g. 5, or 0.5 for one request in two seconds.",
        )
    return rate


def parse_address_rate(text: str) -> float:
    """Requests a second to all hosts together, fractions allowed, or no limit at all."""
    if text == UNLIMITED:
        return math.inf
    rate = float(text) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) else 0
    if not rate > 0:
        raise SettingsError(
            f"{text[:40]!r} is neither a number above 0 nor '{UNLIMITED}'.",
            advice="Write e.g. 6. amoCRM blocks addresses that ask faster than it allows.",
        )
    return rate


def parse_threads(text: str) -> int:
    """How many at a time."""
    return _parse_count(text, maximum=MAX_THREADS)


def parse_buckets(text: str) -> int:
    """How many parts."""
    return _parse_count(text, maximum=MAX_BUCKETS)


def _parse_count(text: str, *, maximum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= maximum:
        raise SettingsError(
            f"{text[:40]!r} is not a number from 1 to {maximum}.", advice="Write e.g. 8, or leave it out."
        )
    return int(text)


def parse_cron(text: str) -> str:
    """A schedule as cron writes it."""
    problem = cron_error(text)
    if problem:
        raise SettingsError(
            f"{text[:40]!r} is not a cron schedule: {problem}.",
            advice="Write five fields, e.g. '0 * * * *' for every full hour or '15 6 * * *' for 6:15 each day.",
        )
    return text


def parse_timezone(text: str) -> str:
    """An IANA time zone."""
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"{text[:60]!r} is not a time zone.", advice="Write one like Europe/Moscow or UTC."
        ) from None


def parse_webhook_url(text: str) -> Secret:
    """An address that failures are sent to.

    It often holds a key, so it is a secret and never repeated.
    """
    try:
        url = urlsplit(text)
    except ValueError:
        url = urlsplit("")
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOCAL_HOSTS)):
        raise SettingsError(
            "this is not an https address.", advice="Write e.g. https://hooks.example.com/services/T000/B000."
        )
    return Secret(text)


def parse_page_url(text: str) -> str:
    """An address that people open in a browser."""
    try:
        url = urlsplit(text)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("https", "http") or not url.hostname:
        raise SettingsError("this is not the address of a page.", advice="Write e.g. https://dagster.example.com.")
    return text.rstrip("/")


def host_names(text: str) -> tuple[str, ...]:
    """Names of hosts with commas between them, without ports."""
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    wrong = next((name for name in names if not _HOST_NAME.fullmatch(name)), None)
    if wrong is not None or not names:
        raise SettingsError(
            f"{(wrong or text)[:60]!r} is not the name of a host.",
            advice="Write e.g. dagster.example.com, without port or '*'; several with commas between them.",
        )
    return names


def long_secret(text: str) -> Secret:
    """A random text."""
    if len(text) < SHORTEST_SECRET or not is_visible_ascii(text):
        raise SettingsError(
            f"a secret has at least {SHORTEST_SECRET} characters of ASCII, without blanks.",
            advice="Make one by: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'.",
        )
    return Secret(text)


def switch(text: str) -> bool:
    """``on`` or ``off``."""
    if text not in ("on", "off"):
        raise SettingsError(f"{text[:40]!r} is neither 'on' nor 'off'.", advice="Write on or off.")
    return text == "on"


def parse_token(text: str) -> Secret:
    """A long-lived token, alone."""
    if not is_visible_ascii(text):
        raise SettingsError(
            "a token has neither spaces nor letters beyond ASCII.",
            advice="Copy the long-lived token alone, without 'Bearer' before it and without line breaks.",
        )
    return Secret(text)


def parse_client_id(text: str) -> str:
    """The id of an integration, which is no secret."""
    if not is_visible_ascii(text) or len(text) > 100:
        raise SettingsError(
            "that is not the id of an integration.", advice="Copy the integration ID from its page, 'Keys and scopes'."
        )
    return text


def parse_client_secret(text: str) -> Secret:
    """The secret key of an integration."""
    if not is_visible_ascii(text):
        raise SettingsError(
            "a secret key has neither spaces nor letters beyond ASCII.",
            advice="Copy the secret key from the integration's page, 'Keys and scopes'.",
        )
    return Secret(text)


def parse_redirect_uri(text: str) -> str:
    """Where amoCRM sends the browser with a code: an https address, or one on this machine."""
    try:
        url = urlsplit(text)
        is_ours = url.hostname in LOCAL_HOSTS and url.port is not None
    except ValueError:
        url, is_ours = urlsplit(""), False
    is_usable = bool(url.hostname) and (url.scheme == "https" or (url.scheme == "http" and is_ours))
    if not is_usable or url.fragment or url.username is not None or not is_visible_ascii(text):
        raise SettingsError(
            f"{text[:100]!r} is not an address that amoCRM could send a browser to.",
            advice="Write it exactly as on the integration's page: https://example.com/back, or with a port of this "
            "machine: http://127.0.0.1:8912/.",
        )
    return text


def describe_read_error(error: OSError | ValueError | RecursionError) -> str:
    """Why a file cannot be read, without repeating what is in it."""
    if isinstance(error, OSError):
        return error.strerror or "unknown reason"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"it is not TOML ({error})"
