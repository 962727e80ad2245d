"""GET requests of a probe, rate-limited like those of a load, whose unusual responses are findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from pipelines.amocrm import strict_json
from pipelines.amocrm.http import NoResponse, Transport
from pipelines.amocrm.limits import BLOCK_DURATION, Limits
from pipelines.amocrm.messages import Request
from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import as_list
from pipelines.amocrm.pagination import parse_next_href, parse_page_number
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.base.clock import Clock
from pipelines.base.errors import Blocked, RateLimited, Unauthorized, Unavailable

MAX_REQUESTS = 150
"""Requests of one probe."""

MAX_SILENCES = 5
"""Requests without a response, one after another, that end a probe: each takes up to a minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One response; ``status`` is 0 if none arrived, and ``document`` is None without JSON."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Json = None
    byte_count: int = 0
    seconds: float = 0.0

    @property
    def embedded(self) -> Json:
        """First list of ``_embedded`` as received, or None."""
        embedded = self.document.get("_embedded") if isinstance(self.document, dict) else None
        return next(iter(embedded.values()), None) if isinstance(embedded, dict) else None

    @property
    def rows(self) -> list[dict[str, Json]]:
        """Rows of a list."""
        rows = as_list(self.embedded)
        return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []

    @property
    def ids(self) -> list[Json]:
        """Ids of the rows in their order."""
        return [row.get("id") for row in self.rows]

    @property
    def has_next(self) -> bool:
        """True if the response links to a next page."""
        return parse_next_href(self._links) is not None

    @property
    def next_page(self) -> int | None:
        """Page that the link to the next page names."""
        return parse_page_number(parse_next_href(self._links))

    @property
    def _links(self) -> Json:
        return self.document.get("_links") if isinstance(self.document, dict) else None

    @property
    def is_usable(self) -> bool:
        """True for a page of a list, and for its absence."""
        return self.status == 204 or (200 <= self.status < 300 and self.document is not None)

    def describe(self) -> str:
        """Describe the response without any of its values."""
        if self.status == 0:
            return "no response"
        if not 200 <= self.status < 300 or self.status == 204:
            return str(self.status)
        if self.document is None:
            return f"{self.status} without JSON"
        return f"{self.status} with rows" if self.rows else f"{self.status} without rows"


class ProbeReader:
    """Reader of one account. It can send nothing but GET requests.

    Raises ``Blocked``, ``RateLimited``, ``Unauthorized`` and ``Unavailable``, after which no request makes sense.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        limits: Limits,
        rate_limiters: RateLimiters,
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.request_count = 0
        self._silence_count = 0
        self._token = token
        self._limits = limits
        self._transport = Transport(base_url, limits=limits)
        self._rate_limiter = rate_limiters.of(base_url, limits)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Reading:
        """Send one request and describe the response."""
        request = Request(resource="account", path=path + (f"?{urlencode(query)}" if query else ""))
        self._wait_for_slot(request)
        started = self.clock.monotonic()
        try:
            response = self._transport.send(request, self._token(), seconds=self._limits.response_seconds)
        except NoResponse:
            self._silence_count += 1
            if self._silence_count == MAX_SILENCES:
                raise Unavailable(
                    f"amoCRM did not respond to {MAX_SILENCES} requests in a row.", request=str(request)
                ) from None
            return Reading(status=0)
        self._silence_count = 0
        is_json = "json" in (response.content_type or "").lower()
        if response.status == 401:
            raise Unauthorized("amoCRM rejected the token.", request=str(request), status=401)
        if response.status == 429:
            raise RateLimited("amoCRM answered 429 Too Many Requests.", request=str(request), status=429)
        if response.status == 403 and not is_json:
            self._rate_limiter.block_until(self.clock.monotonic() + BLOCK_DURATION.total_seconds())
            raise Blocked("amoCRM blocked this address.", request=str(request), status=403)
        try:
            document = strict_json.parse(response.body) if response.body and not response.defect else None
        except strict_json.NotStrictJson:
            document = None
        return Reading(
            status=response.status,
            headers=response.headers,
            document=document,
            byte_count=len(response.body),
            seconds=self.clock.monotonic() - started,
        )

    def _wait_for_slot(self, request: Request) -> None:
        """Wait for the rate limits that all processes share."""
        now = self.clock.monotonic()
        if seconds := self._rate_limiter.seconds_blocked(now):
            raise Blocked(
                f"The host blocked this address for another {seconds / 60:.0f} minutes.", request=str(request)
            )
        if self.request_count >= MAX_REQUESTS:
            raise Unavailable(f"The probe has used up its {MAX_REQUESTS} requests.", request=str(request))
        self.request_count += 1
        for limiter in self._rate_limiter.limiter_chain():
            if wait := limiter.reserve(self.clock.monotonic()):
                self.clock.sleep(wait)
