"""Customers, their stays and their events as plain data, with their JSON in the API."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from emulator.entities import Account, Json

PlaceKind: TypeAlias = Literal["stage", "segment"]
EventType: TypeAlias = Literal["customer_added", "customer_deleted", "customer_status_changed"]

CANARY = "CANARY-"
"""Start of each personal value. A search for it finds what a client stored or logged of the customers."""


class Stay(NamedTuple):
    """True record of one customer in one stage or segment; ``left_at`` is None while the stay lasts."""

    customer_id: int
    kind: PlaceKind
    place_id: int
    entered_at: datetime
    left_at: datetime | None


class CustomerEvent(NamedTuple):
    """One event; ``before`` and ``after`` are stages. ``created_by`` is 0 for automation."""

    id: int
    type: EventType
    at: datetime
    customer_id: int
    created_by: int
    before: int | None = None
    after: int | None = None
    is_missing: bool = False  # amoCRM lost it: no list shows it

    def item(self, account: Account) -> dict[str, Json]:
        """Return the event's JSON in the API, without links."""

        def value(stage_id: int | None) -> list[Json]:
            return [] if stage_id is None else [{"customer_status": {"id": stage_id}}]

        return {
            "id": f"01simulated{self.id:015d}",
            "type": self.type,
            "entity_id": self.customer_id,
            "entity_type": "customer",
            "created_by": self.created_by,
            "created_at": int(self.at.timestamp()),
            "value_after": value(self.after),
            "value_before": value(self.before),
            "account_id": account.id,
        }


@dataclass(kw_only=True, slots=True)
class Customer:
    """One customer. ``segments`` and ``stage_since`` hold since when it is where it is."""

    id: int
    stage_id: int
    stage_since: datetime
    created_at: datetime
    updated_at: datetime
    segments: dict[int, datetime] = field(default_factory=dict)
    tags: tuple[int, ...] = ()
    periodicity: int = 0  # days between purchases
    next_date: datetime | None = None  # midnight of the account
    next_price: int = 0
    last_purchase_at: datetime | None = None
    ltv: int = 0
    purchases_count: int = 0
    is_hidden: bool = False  # from the users of all tokens
    deleted_at: datetime | None = None
    schedule: int = 0  # counts how often the next move was computed

    @property
    def is_listed(self) -> bool:
        """True if the list shows the customer."""
        return self.deleted_at is None and not self.is_hidden

    def item(self, account: Account) -> dict[str, Json]:
        """Return the customer's JSON in the API, without links. Personal values begin with ``CANARY``."""
        updated_at = int(self.updated_at.timestamp())
        phone = {"value": f"{CANARY}PHONE-{self.id}", "enum_id": 1, "enum_code": "WORK"}
        return {
            "id": self.id,
            "name": f"{CANARY}NAME-{self.id}",
            "next_price": self.next_price,
            "next_date": self.next_date and int(self.next_date.timestamp()),
            "responsible_user_id": account.admin_id,
            "status_id": self.stage_id,
            "periodicity": self.periodicity,
            "created_by": account.admin_id,
            "updated_by": account.admin_id,
            "created_at": int(self.created_at.timestamp()),
            "updated_at": updated_at,
            "closest_task_at": None,
            "is_deleted": self.deleted_at is not None,
            "custom_fields_values": [
                {
                    "field_id": 1,
                    "field_name": f"{CANARY}FIELD",
                    "field_code": "PHONE",
                    "field_type": "multitext",
                    "values": [phone],
                }
            ],
            "ltv": self.ltv,
            "purchases_count": self.purchases_count,
            "average_check": self.ltv // self.purchases_count if self.purchases_count else 0,
            "account_id": account.id,
            "_embedded": {
                "segments": [{"id": one} for one in self.segments],
                "tags": [{"id": one, "name": f"{CANARY}TAG-{one}", "color": None} for one in self.tags],
            },
        }


@dataclass(kw_only=True, slots=True, eq=False)
class CustomerBook:
    """All customers of an account, with the true record of their past."""

    customers: dict[int, Customer] = field(default_factory=dict)  # by id, ascending, with deleted ones
    ids: list[int] = field(default_factory=list)  # all or the first of ``customers``, to choose from
    past_stays: list[Stay] = field(default_factory=list)
    events: list[CustomerEvent] = field(default_factory=list)  # oldest first
    change_seed: int = 0  # of the random changes before the next page
    advanced_at: datetime | None = None  # until then the rules have moved
    revision: int = 0  # counts the changes
    due: list[tuple[datetime, int, int]] = field(default_factory=list)  # heap: instant, customer, its schedule
    scheduled_rules: object = None  # the rules that ``due`` was computed from
    counted_sizes: dict[int, int] = field(default_factory=dict)  # by segment, if sizes lag behind
    emptied: set[tuple[int, int]] = field(default_factory=set)  # deleted stages and segments, with when
    listed: tuple[object, list[int]] = (None, [])  # ids in the list's order, and what they depend on

    def stays(self) -> list[Stay]:
        """Return the true record: all stays, ended or not."""
        lasting = [
            stay
            for one in self.customers.values()
            if one.deleted_at is None
            for stay in (
                Stay(one.id, "stage", one.stage_id, one.stage_since, None),
                *(Stay(one.id, "segment", place, since, None) for place, since in one.segments.items()),
            )
        ]
        return self.past_stays + lasting

    def members(self, kind: PlaceKind, place_id: int, instant: datetime) -> set[int]:
        """Return who was in a stage or segment at an instant."""
        return {
            stay.customer_id
            for stay in self.stays()
            if (stay.kind, stay.place_id) == (kind, place_id)
            if stay.entered_at <= instant and (stay.left_at is None or instant < stay.left_at)
        }

    def to_json(self) -> dict[str, Json]:
        """Serialize the book as rows of values; what follows from them is left out."""
        return {
            "customers": [
                _plain([list(one.segments.items()) if name == "segments" else getattr(one, name) for name in COLUMNS])
                for one in self.customers.values()
            ],
            "past_stays": _plain(self.past_stays),
            "events": _plain(self.events),
            "change_seed": self.change_seed,
            "advanced_at": _plain(self.advanced_at),
            "emptied": _plain(sorted(self.emptied)),
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> CustomerBook:
        """Restore the book from ``to_json``."""
        book = cls(change_seed=data["change_seed"], advanced_at=_instant(data["advanced_at"]))
        for row in data["customers"]:
            values = dict(zip(COLUMNS, row, strict=True))
            values |= {name: _instant(values[name]) for name in INSTANTS}
            values["segments"] = {place: datetime.fromisoformat(since) for place, since in values["segments"]}
            book.customers[values["id"]] = Customer(**values | {"tags": tuple(values["tags"])})
        book.past_stays = [
            Stay(customer_id, kind, place_id, datetime.fromisoformat(start), _instant(end))
            for customer_id, kind, place_id, start, end in data["past_stays"]
        ]
        book.events = [
            CustomerEvent(number, kind, datetime.fromisoformat(at), *rest) for number, kind, at, *rest in data["events"]
        ]
        book.emptied = {(place_id, at) for place_id, at in data["emptied"]}
        return book


COLUMNS = tuple(one.name for one in fields(Customer) if one.name != "schedule")
INSTANTS = ("stage_since", "created_at", "updated_at", "next_date", "last_purchase_at", "deleted_at")


def _plain(value: Json) -> Json:
    """Return a value as JSON has it: instants as texts, tuples as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
