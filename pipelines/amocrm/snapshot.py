"""From raw answers to a snapshot: a pure function, so that it can be made again from what was kept.

Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.amocrm import strict_json
from pipelines.amocrm.account import parse_account, require_same_account_and_mode
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.entities import ParseContext, parse_field, parse_segment, parse_stage
from pipelines.amocrm.models import Account, Json, Mode, RawResponse, Resource, Segment, Snapshot, UnparsedSegment
from pipelines.amocrm.pagination import CompleteList, Page, Row, merge_pages, parse_page
from pipelines.amocrm.row_cache import RowCache, parse_uncached_segments
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.errors import IncompleteList, MalformedAnswer

LISTS_BY_MODE: Mapping[Mode, tuple[Resource, ...]] = {
    "segments": ("segments", "fields"),
    "periodicity": ("stages",),
    "disabled": (),
    "unavailable": (),
}
"""What there is to read in each mode; modes exclude each other."""

DOCUMENTED_MAXIMUM: Mapping[Resource, int] = {"stages": 30, "segments": 100, "fields": 30}
"""How many things of each kind an account can have, by the vendor's page."""

GONE_STATUSES = frozenset({204, 404})
"""Statuses by which the API says that a thing is not there. The client accepts a 404 only as the API's own word."""


def parse_snapshot(
    responses: Sequence[RawResponse], observed_at: datetime, *, documents: Mapping[int, Json] | None = None
) -> Snapshot:
    """The snapshot that the accepted ones of ``answers`` show.

    ``documents`` are bodies that were parsed already, by the answers' sequence numbers.

    Raises ``MalformedAnswer`` where an answer cannot be used, ``IncompleteList`` where a list of the account's mode is
    missing or not whole, ``WrongAccount`` and ``ModeDisagreement`` where answers are about several accounts or modes.
    """
    with _malformed_responses_reported():
        return _SnapshotParser(responses, documents or {}).snapshot(observed_at)


def parse_snapshot_with_cache(
    responses: Sequence[RawResponse],
    observed_at: datetime,
    cache: RowCache,
    *,
    documents: Mapping[int, Json] | None = None,
) -> tuple[Snapshot, RowCache]:
    """The same, but segments that ``memory`` holds are left unread; with what the next load may recall.

    The memory is that of the account that the answers are about. Raises what ``read_snapshot``
    does.
    """
    with _malformed_responses_reported():
        parser = _SnapshotParser(responses, documents or {}, cache)
        return parser.snapshot(observed_at), parser.updated_cache


@contextmanager
def _malformed_responses_reported() -> Iterator[None]:
    try:
        yield
    except (InvalidRecord, strict_json.NotStrictJson) as error:
        raise MalformedAnswer(f"amoCRM's answer cannot be used: {error}.") from None


class _SnapshotParser:
    """The accepted answers by resource, and what is noticed while they are read."""

    def __init__(
        self, responses: Sequence[RawResponse], documents: Mapping[int, Json], cache: RowCache | None = None
    ) -> None:
        self.updated_cache: RowCache = {}  # what the next reading may recall
        self._cache = cache  # None where every segment is to be read
        self._anomaly_log = AnomalyLog()
        self._documents = documents
        self._accepted: dict[Resource, list[RawResponse]] = {}
        for response in responses:
            if response.is_accepted:
                self._accepted.setdefault(response.resource, []).append(response)

    def snapshot(self, observed_at: datetime) -> Snapshot:
        account = self._parse_account()
        context = ParseContext(
            account_id=account.id, timezone=ZoneInfo(account.timezone), anomaly_log=self._anomaly_log
        )
        rows = {resource: self._parse_list(resource).rows for resource in LISTS_BY_MODE[account.mode]}
        stages = tuple(parse_stage(row, context) for row in rows.get("stages", {}).values())
        segments, unparsed_segments = self._parse_segments(rows.get("segments", {}), context)
        fields = tuple(parse_field(row, context) for row in rows.get("fields", {}).values())
        self._report_repeated_types([stage.type for stage in stages if stage.is_default])
        return Snapshot(
            account=account,
            observed_at=observed_at,
            stages=tuple(sorted(stages, key=lambda stage: stage.id)),
            segments=tuple(sorted(segments, key=lambda segment: segment.id)),
            unparsed_segments=unparsed_segments,
            fields=tuple(sorted(fields, key=lambda field: field.id)),
            gone_stage_ids=self._confirmed_ids("stage", is_gone=True),
            gone_segment_ids=self._confirmed_ids("segment", is_gone=True),
            gone_field_ids=self._confirmed_ids("field", is_gone=True),
            confirmed_field_ids=self._confirmed_ids("field", is_gone=False),
            anomalies=self._anomaly_log.all(),
        )

    def _parse_account(self) -> Account:
        """The account as it was first; where it was asked for again, it must still be the same in the same mode."""
        accounts = [
            parse_account(self._parse_document(response), self._anomaly_log)
            for response in self._accepted.get("account", ())
        ]
        if not accounts:
            raise InvalidRecord("there is none about the account")
        for other in accounts[1:]:
            require_same_account_and_mode(accounts[0], other)
        return accounts[0]

    def _parse_segments(
        self, rows: Mapping[int, Row], context: ParseContext
    ) -> tuple[tuple[Segment, ...], tuple[UnparsedSegment, ...]]:
        if self._cache is None:
            return tuple(parse_segment(row, context) for row in rows.values()), ()
        cache_result = parse_uncached_segments(rows, context, self._cache)
        self.updated_cache = cache_result.cache
        return cache_result.read, cache_result.unparsed

    def _parse_list(self, resource: Resource) -> CompleteList:
        responses = self._accepted.get(resource, [])
        if [response.page for response in responses] != list(range(1, len(responses) + 1)) or not responses:
            raise IncompleteList(f"The list of {resource} is missing, or lacks pages.")
        complete_list = merge_pages([self._parse_page(response) for response in responses if response.status == 200])
        for thing_id in complete_list.duplicate_ids:
            self._anomaly_log.add(
                "duplicate_row", resource.removesuffix("s"), thing_id, "the list shows it more than once"
            )
        if complete_list.is_total_wrong:
            self._anomaly_log.add("totals_mismatch", "list", 0, f"the list of {resource} counts other than it holds")
        if len(complete_list.rows) > DOCUMENTED_MAXIMUM[resource]:
            self._anomaly_log.add(
                "over_documented_limit", "list", 0, f"there are more than {DOCUMENTED_MAXIMUM[resource]} {resource}"
            )
        return complete_list

    def _parse_page(self, response: RawResponse) -> Page:
        return parse_page(self._parse_document(response), response.resource, response.page or 1)

    def _parse_document(self, response: RawResponse) -> Json:
        if "json" not in (response.content_type or ""):
            thing = "account" if response.resource == "account" else "list"
            self._anomaly_log.add(
                "content_type", thing, 0, f"an answer about {response.resource} does not call itself JSON"
            )
        if response.sequence in self._documents:
            return self._documents[response.sequence]
        return strict_json.parse(response.body)

    def _confirmed_ids(self, resource: Resource, *, is_gone: bool) -> frozenset[int]:
        return frozenset(
            response.thing_id
            for response in self._accepted.get(resource, ())
            if response.thing_id is not None and (response.status in GONE_STATUSES) == is_gone
        )

    def _report_repeated_types(self, types: Sequence[int | None]) -> None:
        for kind in {kind for kind in types if kind and types.count(kind) > 1}:
            self._anomaly_log.add("type_contradicts_page", "stage", 0, f"several system stages have type {kind}")
