"""What amoCRM said, as frozen records in the design's words.

No parsing (see ``read``), no pandas, no database here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

Json: TypeAlias = Any
"""A value as JSON has it: None, bool, int, Decimal, str, list, dict. Never a float."""

Resource: TypeAlias = Literal["account", "stages", "segments", "fields", "stage", "segment", "field"]
"""What an answer is about: the account, one of three lists, or one thing asked for by its id."""

Mode: TypeAlias = Literal["unavailable", "disabled", "segments", "periodicity"]
"""The account's customers mode. The API's old name ``dynamic`` is read as ``segments``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawResponse:
    """One answer as received, and what is needed to read it again years later.

    A snapshot is a pure function of its raw answers (``read.read_snapshot``).
    """

    sequence: int  # order in the load, from 0
    resource: Resource
    thing_id: int | None = None  # the id asked for, where the resource is one thing
    page: int | None = None  # the page asked for, where the resource is a list
    pass_number: int | None = None  # lists may be read several times until two passes agree; from 1
    is_accepted: bool  # whether the snapshot is read from it; false for retried answers and earlier passes
    path: str  # path and query, never the host, never a token
    status: int
    content_type: str | None
    request_id: str | None  # the vendor's X-Request-Id
    received_at: datetime
    body: bytes = field(repr=False)  # decoded from gzip, otherwise untouched
    body_hash: bytes = field(repr=False)  # SHA-256 of the body


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account, as ``GET /account`` describes it."""

    id: int
    name: str
    subdomain: str | None
    timezone: str  # an IANA name; days and date fields follow it
    mode: Mode
    country: str | None
    currency: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule of a stage's ``conditions``.

    Whether groups mean AND or OR is undocumented: their structure is kept.
    """

    group: int  # position of the group, from 0
    position: int  # position in the group, from 0
    type: str | None
    match: Json  # a number or a list, as received
    body: Json  # the whole rule as received


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One customer status of an account in recurring purchases mode."""

    id: int
    name: str | None
    sort: int | None
    is_default: bool | None  # a system stage
    color: str | None  # with a leading '#'
    type: int | None  # as received; the page's text and its example disagree on what the numbers mean
    rule_group_count: int  # groups may be empty, so their number is kept
    rules: tuple[Rule, ...]
    extra: Json  # unknown keys as received, or None
    content_hash: bytes  # of everything above: a changed hash is a new version


class FieldValue(NamedTuple):
    """One item of one custom field of a segment: a tuple, since there are thousands, in the order of its table.

    One of the typed attributes from ``text`` to ``option_id`` is set. ``json`` holds the whole item
    as received where its type is an object or unknown, where it could not be typed (``text`` then
    holds a scalar as text), and where it says more than the typed value, as the parts of an address
    do.
    """

    field_id: int
    position: int  # from 0; options are ordered by their id, since amoCRM's order is not stable
    field_type: str | None
    text: str | None = None
    number: Decimal | None = None
    boolean: bool | None = None
    date: date | None = None  # a day in the account's timezone
    instant: datetime | None = None
    option_id: int | None = None  # its label is the option's (``Option.value``)
    json: Json = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One customer segment of an account in dynamic segmentation mode."""

    id: int
    name: str | None
    color: str | None  # without a leading '#'
    created_at: datetime | None
    updated_at: datetime | None  # never part of the hash: unknown whether it moves with the count
    customers_count: int | None  # the size; None when the API gave no usable number
    price_field_ids: tuple[int, ...]  # ascending; ids of catalog fields of type price (the page calls them catalogs)
    field_values: tuple[FieldValue, ...]  # by field id and position
    extra: Json  # unknown keys as received, or None
    content_hash: bytes  # of everything but size, updated_at and labels that are versions of their own


@dataclass(frozen=True, kw_only=True, slots=True)
class UnparsedSegment:
    """A segment whose row says what an earlier load read, its size and ``updated_at`` aside."""

    id: int
    customers_count: int
    content_hash: bytes
    read: Callable[[], Segment] = field(repr=False, compare=False)  # reads the row after all


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One choice of a select, multiselect or radiobutton field."""

    id: int
    value: str | None  # its label
    sort: int | None
    extra: Json
    content_hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """The definition of a segment's custom field."""

    id: int
    name: str | None
    code: str | None
    type: str | None
    sort: int | None
    options: tuple[Option, ...]  # by id
    extra: Json
    content_hash: bytes  # of the definition without its options, which are versions of their own


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Anomaly:
    """Something in the answers that is not as the vendor's page says, yet stopped nothing.

    ``kind`` is one of the names in ``amocrm.quality_event.kind``; ``thing`` a table-like word
    ('segment', 'stage', 'field', 'account', 'list'); ``detail`` one plain sentence, the same for the same oddity.
    """

    kind: str
    thing: str
    thing_id: int  # 0 where the oddity is of a list or the account as a whole
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """All that the API said of one account at one moment.

    A list that does not apply in the account's mode is empty; ``mode`` says so.
    ``gone_*`` are ids that the API, asked for each, confirmed as not there any more.
    """

    account: Account
    observed_at: datetime
    stages: tuple[Stage, ...] = ()
    segments: tuple[Segment, ...] = ()
    unparsed_segments: tuple[UnparsedSegment, ...] = ()  # where earlier loads are recalled; all others are above
    fields: tuple[Field, ...] = ()
    gone_stage_ids: frozenset[int] = frozenset()
    gone_segment_ids: frozenset[int] = frozenset()
    gone_field_ids: frozenset[int] = frozenset()
    confirmed_field_ids: frozenset[int] = frozenset()  # asked for by id and there: an option they lack is gone
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def segment_count(self) -> int:
        """Segments, read or not."""
        return len(self.segments) + len(self.unparsed_segments)
