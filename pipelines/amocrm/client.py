"""Client of one account: reads the account, its stages, segments and fields.

The API is described at
https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from pipelines.amocrm.account import parse_account
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.http import Transport
from pipelines.amocrm.limits import Limits, RequestQuota
from pipelines.amocrm.messages import PAGE_LIMIT, Request, account_request, entity_request, list_request
from pipelines.amocrm.models import Account, Json, RawResponse, Resource
from pipelines.amocrm.pagination import CompleteList, Row, merge_pages, paginate, parse_page
from pipelines.amocrm.rate_limiter import RATE_LIMITERS, RateLimiter, RateLimiters
from pipelines.amocrm.response_digest import ResponseDigest
from pipelines.amocrm.session import ParsedResponse, Session
from pipelines.amocrm.validation import InvalidRecord, parse_row_id
from pipelines.amocrm.writes import WriteClient
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import IncompleteList, MalformedAnswer, NotFound

Parsed = TypeVar("Parsed")


class AmoClient:
    """API client of one account for one load or command.

    Methods raise the errors of ``ApiError``. ``base_url`` comes from ``parse_host``. ``token``
    returns the access token. If it has a method ``refresh``, a 401 calls it once; if it has a
    method ``find``, a 404 on the account calls it for another base URL. ``account_key`` is the
    account's name in error messages. A ``transport`` that is passed in stays open, so that clients
    can share it. Without ``keeps_responses``, no body outlives its request.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        account_key: str | None = None,
        limits: Limits | None = None,
        rate_limiters: RateLimiters = RATE_LIMITERS,
        transport: Transport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        keeps_responses: bool = True,
    ) -> None:
        limits = limits or Limits()
        self.account_key = account_key
        self._rate_limiters = rate_limiters
        self._owns_transport = transport is None
        self._pass_counts: Counter[Resource] = Counter()  # passes over each list so far
        self._session = Session(
            transport=transport or Transport(base_url, limits=limits),
            token=token,
            rate_limiter=rate_limiters.of(base_url, limits),
            limits=limits,
            quota=RequestQuota(limits, started=clock.monotonic()),
            clock=clock,
            keeps_responses=keeps_responses,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection unless it was passed in."""
        if self._owns_transport:
            self._session.transport.close()

    @property
    def base_url(self) -> str:
        """Base URL of the account."""
        return self._session.transport.base_url

    @property
    def rate_limiter(self) -> RateLimiter:
        """Rate limiter of the account's host."""
        return self._session.rate_limiter

    @property
    def writes(self) -> WriteClient:
        """Client of the calls that change stages and segments."""
        return WriteClient(self._session)

    @property
    def responses(self) -> tuple[RawResponse, ...]:
        """All responses in order, except those to writes.

        Accepted ones are of the latest complete pass over each list.
        """
        return tuple(self._session.responses)

    @property
    def documents(self) -> Mapping[int, Json]:
        """Parsed bodies of usable responses, by sequence number."""
        return self._session.documents

    @property
    def host_date(self) -> str | None:
        """``Date`` header of the latest response."""
        return self._session.host_date

    @property
    def request_count(self) -> int:
        """Number of requests sent, including those without a response."""
        return self._session.request_count

    def fetch_and_compare(self, digests: Sequence[ResponseDigest]) -> bool:
        """Repeat earlier requests while each response is the same byte for byte; return True if all were.

        If so, the responses are accepted as before. Otherwise later calls of this client reuse
        them.
        """
        accepted: set[int] = set()
        for digest in digests:
            response = self._session.send_once(digest.request, pass_number=digest.pass_number)
            if response is None or ResponseDigest.of(response) != replace(digest, is_accepted=False):
                return False
            if digest.is_accepted:
                accepted.add(response.sequence)
        self._session.accept(accepted, replacing=lambda _: False)
        return True

    def fetch_account(self) -> Account:
        """Fetch the account. Every response is kept, so that a snapshot can check that the account stayed the same."""
        try:
            parsed = self._send_account_request()
        except NotFound:
            if not self._follow_moved_account():
                raise
            parsed = self._send_account_request()
        if parsed.value is None:
            raise MalformedAnswer("amoCRM returned no account.")
        self._session.accept({parsed.sequence}, replacing=lambda _: False)
        return parsed.value

    def _send_account_request(self) -> ParsedResponse[Account]:
        """Send one request for the account and parse the response."""
        return self._session.send(account_request(), lambda document: parse_account(document, AnomalyLog()))

    def _follow_moved_account(self) -> bool:
        """Switch to the account's new host if ``token.find`` names one; return True if it did."""
        find: Callable[[], str | None] | None = getattr(self._session.token, "find", None)
        found = find() if find else None
        if found in (None, self.base_url):
            return False
        self._session.transport.switch_host(found)
        self._session.rate_limiter = self._rate_limiters.of(found, self._session.limits)
        return True

    def fetch_list(self, resource: Resource) -> CompleteList:
        """Fetch a list until it is certainly complete. Raises ``IncompleteList`` if it never is.

        Raises ``ModeDisagreement`` if the account's mode does not have this list.
        """
        earlier_passes = self._pass_counts[resource]
        sequences: dict[int, set[int]] = {}
        pagination = paginate()
        limit = self._session.limits.page_limits.get(resource, PAGE_LIMIT)
        try:
            page_request = next(pagination)
            while True:
                parsed = self._session.send(
                    list_request(resource, page_request.page, limit=limit),
                    partial(parse_page, resource=resource, requested_page=page_request.page),
                    pass_number=earlier_passes + page_request.pass_number,
                )
                sequences.setdefault(page_request.pass_number, set()).add(parsed.sequence)
                page_request = pagination.send(parsed.value)
        except StopIteration as done:
            self._pass_counts[resource] += page_request.pass_number
            self._session.accept(
                sequences[page_request.pass_number], replacing=lambda response: response.resource == resource
            )
            return merge_pages(done.value)
        except IncompleteList as error:
            error.request = error.request or str(list_request(resource, page_request.page, limit=limit))
            raise

    def fetch_parsed(self, request: Request, parse: Callable[[Json], Parsed]) -> Parsed | None:
        """Send a read and return what ``parse`` makes of its document; None if the API has no content."""
        return self._session.send(request, parse).value

    def fetch_entity(self, resource: Resource, thing_id: int) -> Row | None:
        """Fetch one entity by its id; None if the API says that it is gone."""
        parsed = self._session.send(
            entity_request(resource, thing_id), partial(_parse_entity_row, resource=resource, thing_id=thing_id)
        )
        self._session.accept(
            {parsed.sequence}, replacing=lambda response: (response.resource, response.thing_id) == (resource, thing_id)
        )
        return parsed.value


def _parse_entity_row(document: Json, resource: Resource, thing_id: int) -> Row:
    """Return the row of an entity. Raises ``InvalidRecord`` if it has another id."""
    if parse_row_id(document, resource) != thing_id:
        raise InvalidRecord(f"another {resource} was returned than was requested")
    row: Row = document
    return row
