"""Parsers of single settings, and a reader that collects all problems before it raises."""

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
from pipelines.base.language import LANGUAGES
from pipelines.base.secret import Secret
from pipelines.config.cron import cron_error
from pipelines.config.database_url import parse_database_url

MAX_REQUESTS_PER_SECOND: Final = 7  # amoCRM's limit for an integration
UNLIMITED: Final = "unlimited"
MAX_THREADS: Final = 64
MAX_WORKERS: Final = 64
MAX_BUCKETS: Final = 1_000
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

SHORTEST_SECRET: Final = 32

_HOST_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?", re.ASCII)

T = TypeVar("T")


class SettingsReader:
    """Variables, and the problems found in them so far."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[str] = []

    def text(self, name: str) -> str | None:
        """Return the variable as written, or None if it is missing or empty."""
        return self._variables.get(name, "").strip() or None

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse the variable; None if it is missing or invalid. A problem is recorded."""
        text = self.text(name)
        if text is not None:
            with self.collect_problems(name):
                return parse(text)
        return None

    def add_problem(self, problem: str) -> None:
        """Record a problem to report at the end."""
        self._problems.append(problem)

    @contextmanager
    def collect_problems(self, source: str) -> Iterator[None]:
        """Record a ``SettingsError`` raised inside as a problem of ``source``."""
        try:
            yield
        except SettingsError as error:
            self.add_problem(f"{source}: {error}")

    def with_own_problems(self) -> SettingsReader:
        """Return a reader of the same variables with its own problems, for one account."""
        return SettingsReader(self._variables)

    @property
    def problems(self) -> str:
        """All problems as one text; empty if there are none."""
        if len(self._problems) < 2:
            return "".join(self._problems)
        listed = "".join(f"\n  - {problem}" for problem in self._problems)
        return f"{len(self._problems)} settings cannot be used:{listed}\n"

    def raise_problems(self) -> None:
        """Raise one ``SettingsError`` for all problems, if there are any."""
        if self.problems:
            raise SettingsError(self.problems)


def parse_path(text: str) -> Path:
    """Parse a path; ``~`` is the user's home."""
    if "\0" in text:
        raise SettingsError("a path cannot contain a NUL character.", advice="Write the path without '\\u0000'.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise SettingsError("the home folder of '~' is unknown.", advice="Write the full path.") from None


def parse_database_address(text: str) -> Secret:
    """Check the URL of a Postgres database."""
    parse_database_url(text)
    return Secret(text)


def parse_days(text: str) -> int:
    """Parse a number of days from 0 on."""
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise SettingsError(
            f"{text[:40]!r} is not a number of days.", advice="Write a whole number, e.g. 30; 0 keeps none."
        )
    return int(text)


def parse_request_rate(text: str) -> float:
    """Parse requests per second, with fractions."""
    rate = float(text) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text) else 0
    if not 0 < rate <= MAX_REQUESTS_PER_SECOND:
        raise SettingsError(
            f"{text[:40]!r} is not a number above 0 and up to {MAX_REQUESTS_PER_SECOND}, amoCRM's limit.",
            advice="Write e.g. 5, or 0.5 for one request in two seconds.",
        )
    return rate


def parse_address_rate(text: str) -> float:
    """Parse requests per second to all hosts, or 'unlimited'."""
    if text == UNLIMITED:
        return math.inf
    rate = float(text) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) else 0
    if not rate > 0:
        raise SettingsError(
            f"{text[:40]!r} is neither a number above 0 nor '{UNLIMITED}'.",
            advice="Write e.g. 6. amoCRM blocks addresses that exceed its limit.",
        )
    return rate


def parse_threads(text: str) -> int:
    """Parse a number of threads."""
    return _parse_count(text, maximum=MAX_THREADS)


def parse_workers(text: str) -> int:
    """Parse a number of processes."""
    return _parse_count(text, maximum=MAX_WORKERS)


def parse_buckets(text: str) -> int:
    """Parse a number of buckets."""
    return _parse_count(text, maximum=MAX_BUCKETS)


def _parse_count(text: str, *, maximum: int) -> int:
    """Parse a number from 1 to ``maximum``."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= maximum:
        raise SettingsError(
            f"{text[:40]!r} is not a number from 1 to {maximum}.", advice="Write e.g. 8, or leave it out."
        )
    return int(text)


def parse_cron(text: str) -> str:
    """Check a cron schedule."""
    problem = cron_error(text)
    if problem:
        raise SettingsError(
            f"{text[:40]!r} is not a cron schedule: {problem}.",
            advice="Write five fields, e.g. '0 * * * *' for every full hour or '15 6 * * *' for 6:15 every day.",
        )
    return text


def parse_timezone(text: str) -> str:
    """Check an IANA timezone."""
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"{text[:60]!r} is not a time zone.", advice="Write one like Europe/Moscow or UTC."
        ) from None


def parse_language(text: object) -> str:
    """Parse a language such as ``ru``, ``pt-BR`` or ``pt``."""
    wanted = str(text).replace("-", "_").casefold()
    for code in LANGUAGES:
        if wanted in (code.casefold(), code.partition("_")[0]):
            return code
    known = ", ".join(code.replace("_", "-") for code in LANGUAGES)
    raise SettingsError(f"{text!r:.40} is not one of the languages {known}.", advice="Write e.g. es.")


def parse_webhook_url(text: str) -> Secret:
    """Parse an alert webhook's URL. It often contains a key, so it is a secret and never shown."""
    try:
        url = urlsplit(text)
    except ValueError:
        url = urlsplit("")
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOCAL_HOSTS)):
        raise SettingsError(
            "this is not an https URL.", advice="Write e.g. https://hooks.example.com/services/T000/B000."
        )
    return Secret(text)


def parse_page_url(text: str) -> str:
    """Parse a URL that people open in a browser."""
    try:
        url = urlsplit(text)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("https", "http") or not url.hostname:
        raise SettingsError("this is not a URL.", advice="Write e.g. https://dagster.example.com.")
    return text.rstrip("/")


def host_names(text: str) -> tuple[str, ...]:
    """Parse host names without ports, separated by commas."""
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    wrong = next((name for name in names if not _HOST_NAME.fullmatch(name)), None)
    if wrong is not None or not names:
        raise SettingsError(
            f"{(wrong or text)[:60]!r} is not a host name.",
            advice="Write e.g. dagster.example.com, without port or '*'; separate several with commas.",
        )
    return names


def long_secret(text: str) -> Secret:
    """Check a random secret of at least ``SHORTEST_SECRET`` characters."""
    if len(text) < SHORTEST_SECRET or not is_visible_ascii(text):
        raise SettingsError(
            f"a secret has at least {SHORTEST_SECRET} ASCII characters, without spaces.",
            advice="Create one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'.",
        )
    return Secret(text)


def switch(text: str) -> bool:
    """Parse ``on`` or ``off``."""
    if text not in ("on", "off"):
        raise SettingsError(f"{text[:40]!r} is neither 'on' nor 'off'.", advice="Write on or off.")
    return text == "on"


def parse_token(text: str) -> Secret:
    """Check a long-lived token."""
    if not is_visible_ascii(text):
        raise SettingsError(
            "a token has only ASCII characters and no spaces.",
            advice="Copy the long-lived token alone, without 'Bearer' before it and without line breaks.",
        )
    return Secret(text)


def parse_client_id(text: str) -> str:
    """Check the id of an integration."""
    if not is_visible_ascii(text) or len(text) > 100:
        raise SettingsError(
            "that is not an integration ID.", advice="Copy the integration ID from its page, 'Keys and scopes'."
        )
    return text


def parse_client_secret(text: str) -> Secret:
    """Check the secret key of an integration."""
    if not is_visible_ascii(text):
        raise SettingsError(
            "a secret key has only ASCII characters and no spaces.",
            advice="Copy the secret key from the integration's page, 'Keys and scopes'.",
        )
    return Secret(text)


def parse_redirect_uri(text: str) -> str:
    """Check the redirect URI: an https URL, or one of this machine with a port."""
    try:
        url = urlsplit(text)
        is_ours = url.hostname in LOCAL_HOSTS and url.port is not None
    except ValueError:
        url, is_ours = urlsplit(""), False
    is_usable = bool(url.hostname) and (url.scheme == "https" or (url.scheme == "http" and is_ours))
    if not is_usable or url.fragment or url.username is not None or not is_visible_ascii(text):
        raise SettingsError(
            f"{text[:100]!r} is not a URL that amoCRM can redirect a browser to.",
            advice="Copy it exactly from the integration's page: https://example.com/back, or with a port of this "
            "machine: http://127.0.0.1:8912/.",
        )
    return text


def describe_read_error(error: OSError | ValueError | RecursionError) -> str:
    """Return why a file cannot be read, without repeating its contents."""
    if isinstance(error, OSError):
        return error.strerror or "unknown reason"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"it is not TOML ({error})"
