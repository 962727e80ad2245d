"""Frozen records of the API's entities, and of its raw responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

Json: TypeAlias = Any
"""JSON value: None, bool, int, Decimal, str, list, dict. Never a float."""

Resource: TypeAlias = Literal[
    "account", "stages", "segments", "fields", "customers", "events", "stage", "segment", "field", "customer"
]
"""Resource of a response: the account, a list, or one entity by its id. Responses with customers are never stored."""

Mode: TypeAlias = Literal["unavailable", "disabled", "segments", "periodicity"]
"""Customers mode of an account. The API's old name ``dynamic`` is read as ``segments``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawResponse:
    """One response as received, with what is needed to parse it years later.

    A snapshot is a pure function of its raw responses (``snapshot.parse_snapshot``).
    """

    sequence: int  # order in the load, from 0
    resource: Resource
    thing_id: int | None = None  # id requested, if the resource is one entity
    page: int | None = None  # page requested, if the resource is a list
    pass_number: int | None = None  # from 1; a list may be fetched several times until two passes agree
    is_accepted: bool  # the snapshot is parsed from it; false for failed attempts and earlier passes
    path: str  # path and query, never the host, never a token
    status: int
    content_type: str | None
    request_id: str | None  # the vendor's X-Request-Id
    received_at: datetime
    body: bytes = field(repr=False)  # decoded from gzip, otherwise untouched
    body_hash: bytes = field(repr=False)  # SHA-256 of the body


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Account as ``GET /account`` describes it."""

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

    Groups are kept: whether they mean AND or OR is undocumented.
    """

    group: int  # position of the group, from 0
    position: int  # position in the group, from 0
    type: str | None
    match: Json  # a number or a list, as received
    body: Json  # the whole rule as received


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One customer stage of an account in recurring purchases mode."""

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
    """One item of a segment's custom field.

    A tuple in the column order of its table, since there are thousands. One of the typed attributes
    from ``text`` to ``option_id`` is set. ``json`` holds the whole item as received if its type is
    an object or unknown, if it could not be typed (``text`` then holds a scalar as text), or if it
    holds more than the typed value, such as a part of an address.
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
    price_field_ids: tuple[int, ...]  # ascending; ids of catalog fields of type price
    field_values: tuple[FieldValue, ...]  # by field id and position
    extra: Json  # unknown keys as received, or None
    bonus_points_conversion_rate: Decimal | None = None
    bonus_points_max_discount: Decimal | None = None
    content_hash: bytes  # of everything but size, updated_at and labels that are versions of their own


@dataclass(frozen=True, kw_only=True, slots=True)
class QuickSegment:
    """Segment without anomalies, and without values kept as JSON, as the quick reader gives it."""

    id: int
    name: str
    color: str
    created_at: datetime
    updated_at: datetime
    customers_count: int
    price_field_ids: tuple[int, ...]
    value_lines: tuple[str, ...]  # the columns of ``FieldValue`` in COPY's text format, a line per value
    bonus_points_conversion_rate: Decimal | None = None
    bonus_points_max_discount: Decimal | None = None
    content_hash: bytes

    @property
    def extra(self) -> None:
        """Never any unknown keys."""
        return


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option of a select, multiselect or radiobutton field."""

    id: int
    value: str | None  # its label
    sort: int | None
    extra: Json
    content_hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """Definition of a segment's custom field."""

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
    """Something unexpected in a response that did not stop the load.

    ``kind`` is a name in ``amocrm.quality_event.kind``, ``thing`` the kind of entity ('segment',
    'stage', 'field', 'account', 'list'), ``detail`` one sentence that is the same for the same
    anomaly.
    """

    kind: str
    thing: str
    thing_id: int  # 0 if the anomaly concerns a list, or all entities of a kind
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """State of one account at one instant, as the API showed it.

    Lists that the account's mode does not have are empty. ``gone_*`` are ids that the API, asked by
    id, confirmed as deleted.
    """

    account: Account
    observed_at: datetime
    stages: tuple[Stage, ...] = ()
    segments: tuple[Segment, ...] = ()
    quick_segments: tuple[QuickSegment, ...] = ()  # read by the quick reader; all others are in ``segments``
    fields: tuple[Field, ...] = ()
    gone_stage_ids: frozenset[int] = frozenset()
    gone_segment_ids: frozenset[int] = frozenset()
    gone_field_ids: frozenset[int] = frozenset()
    confirmed_field_ids: frozenset[int] = frozenset()  # fetched by id: an option they lack is deleted
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def segment_count(self) -> int:
        """Number of segments, of both readers."""
        return len(self.segments) + len(self.quick_segments)
