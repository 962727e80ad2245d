"""Parser of a load's raw responses into a snapshot: a pure function, so that ``rebuild`` can repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.amocrm import strict_json
from pipelines.amocrm.account import parse_account, require_same_account_and_mode
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.entities import ParseContext, parse_field, parse_segment, parse_stage
from pipelines.amocrm.models import Account, Json, Mode, QuickSegment, RawResponse, Resource, Segment, Snapshot
from pipelines.amocrm.pagination import CompleteList, Page, Row, merge_pages, parse_page
from pipelines.amocrm.quick_segment import read_segment
from pipelines.amocrm.segment_row import SegmentRow
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.errors import IncompleteList, MalformedAnswer

LISTS_BY_MODE: Mapping[Mode, tuple[Resource, ...]] = {
    "segments": ("segments", "fields"),
    "periodicity": ("stages",),
    "disabled": (),
    "unavailable": (),
}
"""Lists that each mode has. Modes exclude each other."""

DOCUMENTED_MAXIMUM: Mapping[Resource, int] = {"stages": 30, "segments": 100, "fields": 30}
"""Entities that an account can have, by the vendor's page.

https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/
"""

GONE_STATUSES = frozenset({204, 404})
"""Statuses that confirm a deletion. The client accepts a 404 only with the API's own JSON."""


def parse_snapshot(
    responses: Sequence[RawResponse],
    observed_at: datetime,
    *,
    documents: Mapping[int, Json] | None = None,
    is_quick: bool = False,
) -> Snapshot:
    """Parse the accepted responses. ``documents`` are bodies already parsed, by sequence number.

    With ``is_quick``, usual rows among ``documents`` become ``quick_segments``; without, the careful
    reader reads all rows.

    Raises ``MalformedAnswer`` if a response cannot be used, ``IncompleteList`` if a list of the
    account's mode is missing or incomplete, ``WrongAccount`` and ``ModeDisagreement`` if responses
    are about several accounts or modes.
    """
    with _malformed_responses_reported():
        return _SnapshotParser(responses, documents or {}, is_quick=is_quick).snapshot(observed_at)


@contextmanager
def _malformed_responses_reported() -> Iterator[None]:
    """Turn errors of parsing into ``MalformedAnswer``."""
    try:
        yield
    except (InvalidRecord, strict_json.NotStrictJson) as error:
        raise MalformedAnswer(f"amoCRM's response cannot be used: {error}.") from None


class _SnapshotParser:
    """Accepted responses by resource, and the anomalies found while they are parsed."""

    def __init__(self, responses: Sequence[RawResponse], documents: Mapping[int, Json], *, is_quick: bool) -> None:
        self._is_quick = is_quick
        self._anomaly_log = AnomalyLog()
        self._documents = documents
        self._accepted: dict[Resource, list[RawResponse]] = {}
        for response in responses:
            if response.is_accepted:
                self._accepted.setdefault(response.resource, []).append(response)

    def snapshot(self, observed_at: datetime) -> Snapshot:
        """Parse all responses into a snapshot."""
        account = self._parse_account()
        context = ParseContext(
            account_id=account.id, timezone=ZoneInfo(account.timezone), anomaly_log=self._anomaly_log
        )
        rows = {resource: self._parse_list(resource).rows for resource in LISTS_BY_MODE[account.mode]}
        stages = tuple(parse_stage(row, context) for row in rows.get("stages", {}).values())
        segments, quick_segments = self._parse_segments(rows.get("segments", {}), context)
        fields = tuple(parse_field(row, context) for row in rows.get("fields", {}).values())
        self._report_repeated_types([stage.type for stage in stages if stage.is_default])
        return Snapshot(
            account=account,
            observed_at=observed_at,
            stages=tuple(sorted(stages, key=lambda stage: stage.id)),
            segments=tuple(sorted(segments, key=lambda segment: segment.id)),
            quick_segments=tuple(quick_segments),
            fields=tuple(sorted(fields, key=lambda field: field.id)),
            gone_stage_ids=self._confirmed_ids("stage", is_gone=True),
            gone_segment_ids=self._confirmed_ids("segment", is_gone=True),
            gone_field_ids=self._confirmed_ids("field", is_gone=True),
            confirmed_field_ids=self._confirmed_ids("field", is_gone=False),
            anomalies=self._anomaly_log.all(),
        )

    def _parse_account(self) -> Account:
        """Parse every response about the account and check that it stayed the same; return the first."""
        accounts = [
            parse_account(self._parse_document(response), self._anomaly_log)
            for response in self._accepted.get("account", ())
        ]
        if not accounts:
            raise InvalidRecord("there is no response about the account")
        for other in accounts[1:]:
            require_same_account_and_mode(accounts[0], other)
        return accounts[0]

    def _parse_segments(
        self, rows: Mapping[int, Row], context: ParseContext
    ) -> tuple[list[Segment], list[QuickSegment]]:
        """Parse segments, each with the quick reader if that is allowed and accepts its row."""
        segments: list[Segment] = []
        quick_segments: list[QuickSegment] = []
        for row in rows.values():
            quick = None
            if isinstance(row, SegmentRow):
                quick = read_segment(row, context.account_id, context.timezone) if self._is_quick else None
                row = row.json() if quick is None else row  # noqa: PLW2901 - as the careful reader needs it
            if quick is None:
                segments.append(parse_segment(row, context))
            else:
                quick_segments.append(quick)
        return segments, quick_segments

    def _parse_list(self, resource: Resource) -> CompleteList:
        """Merge a list's pages and report its anomalies. Raises ``IncompleteList``."""
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
        """Parse one page of a list."""
        return parse_page(self._parse_document(response), response.resource, response.page or 1)

    def _parse_document(self, response: RawResponse) -> Json:
        """Return a response's JSON, parsed now or earlier; report a wrong Content-Type."""
        if "json" not in (response.content_type or ""):
            thing = "account" if response.resource == "account" else "list"
            self._anomaly_log.add(
                "content_type", thing, 0, f"an answer about {response.resource} does not call itself JSON"
            )
        if response.sequence in self._documents:
            return self._documents[response.sequence]
        return strict_json.parse(response.body)

    def _confirmed_ids(self, resource: Resource, *, is_gone: bool) -> frozenset[int]:
        """Return the ids fetched one by one that the API confirmed as gone, or as present."""
        return frozenset(
            response.thing_id
            for response in self._accepted.get(resource, ())
            if response.thing_id is not None and (response.status in GONE_STATUSES) == is_gone
        )

    def _report_repeated_types(self, types: Sequence[int | None]) -> None:
        """Report a type that several system stages share."""
        for kind in {kind for kind in types if kind and types.count(kind) > 1}:
            self._anomaly_log.add("type_contradicts_page", "stage", 0, f"several system stages have type {kind}")
