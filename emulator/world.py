"""The state of many accounts and everything that can happen to it, each as a method named after what happens. No HTTP here.

Change things through these methods only: they keep ids monotone, times true and caches honest. They are safe from any
thread, and any sequence of them holds together under ``with world.lock``.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from zoneinfo import ZoneInfo

from emulator.clock import Clock
from emulator.quirks import Quirks
from emulator.things import MODES, OPTION_TYPES, Account, Field, Json, Mode, Option, Segment, Stage
from emulator.values import as_values

FIRST_IDS = {
    "account": 31_405_382,
    "user": 9_310_418,
    "segment": 184_207,
    "field": 1_269_471,
    "option": 2_381_857,
    "stage": 15_740_010,
    "token": 1,
}
ID_STEPS = {"segment": 2, "field": 2, "option": 2, "stage": 3}
"""amoCRM's ids grow in steps: 4740010, 4740013 in the page's example."""

SYSTEM_STAGES: tuple[tuple[str, int, str, int, list[tuple[str, int]]], ...] = (
    # name, sort, colour, type, conditions: those of the page's example, with the types of the page's text
    ("Recently purchased", 0, "#ebffb1", 4, []),
    ("Expected purchase", 100, "#98cbff", 1, [("before_purchase", 0)]),
    ("Did not purchase", 110, "#ff8f92", 2, []),
    ("Closed", 120, "#e6e8ea", 3, [("after_today", 60)]),
)


def rule(kind: str, value: int) -> dict[str, Json]:
    """A rule of a stage with a number of days, in the shape of the page's stages list."""
    return {"type": kind, "match": {"value": value}, "conditions": [{"value": value}]}


class World:
    """All accounts of one emulated amoCRM, their ids, and what became of them.

    ``World()`` is empty; add accounts with ``add_account``. Equal calls at equal instants give equal worlds.
    """

    def __init__(self, *, clock: Clock | None = None, quirks: Quirks | None = None, secret: str = "simulated") -> None:
        self.clock = clock or Clock()
        self.quirks = quirks or Quirks()
        self.secret = hashlib.sha256(secret.encode()).hexdigest()
        self.accounts: dict[int, Account] = {}
        self.next_ids = dict(FIRST_IDS)
        self.lock = RLock()
        self._instant: datetime | None = None

    # Time and ids

    def now(self) -> datetime:
        """The clock's instant, or the one that ``at`` has set."""
        return self._instant or self.clock.now()

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """Let everything inside happen at ``instant``, whatever the clock says."""
        with self.lock:
            before, self._instant = self._instant, instant
            try:
                yield
            finally:
                self._instant = before

    def take_id(self, kind: str) -> int:
        """A new id of a kind of thing; never given twice."""
        with self.lock:
            taken = self.next_ids[kind]
            self.next_ids[kind] = taken + ID_STEPS.get(kind, 1)
            return taken

    def _timestamp(self) -> int:
        return int(self.now().timestamp())

    # Accounts

    def add_account(
        self,
        name: str = "Corner Coffee",
        *,
        subdomain: str | None = None,
        timezone: str = "Europe/Moscow",
        country: str = "RU",
        currency: str = "RUB",
        currency_symbol: str = "₽",
        mode: Mode = "segments",
        account_id: int | None = None,
    ) -> int:
        """Open an account with its four system stages; returns its id."""
        ZoneInfo(timezone)
        with self.lock:
            new_id = self.take_id("account") if account_id is None else account_id
            if new_id in self.accounts:
                raise ValueError(f"there is an account {new_id} already")
            account = Account(
                id=new_id,
                name=name,
                subdomain=subdomain or f"example{new_id}",
                timezone=timezone,
                country=country,
                currency=currency,
                currency_symbol=currency_symbol,
                mode=mode,
                admin_id=self.take_id("user"),
                user_id=self.take_id("user"),
                created_at=self._timestamp(),
            )
            self.accounts[new_id] = account
            for stage_name, sort, color, kind, rules in SYSTEM_STAGES:
                conditions = [[rule(*one)] for one in rules]
                stage_id = self.add_stage(new_id, stage_name, sort=sort, color=color, conditions=conditions)
                account.stages[stage_id].type = kind
                account.stages[stage_id].is_default = True
            return new_id

    def account(self, account_id: int) -> Account:
        """The live account; read it, and change it through the world's methods. KeyError where there is none."""
        return self.accounts[account_id]

    def switch_mode(self, account_id: int, mode: Mode) -> None:
        """Change ``customers_mode``. The things of the mode left stay as they are until it is switched on again."""
        if mode not in MODES:
            raise ValueError(f"no such mode: {mode}")
        with self._changing(account_id) as account:
            account.mode = mode

    def rename_account(self, account_id: int, name: str) -> None:
        """Change the account's name."""
        with self._changing(account_id) as account:
            account.name = name

    def move_account(self, account_id: int, *, subdomain: str | None = None, timezone: str | None = None) -> None:
        """Change the account's subdomain or timezone."""
        with self._changing(account_id) as account:
            account.subdomain = subdomain or account.subdomain
            account.timezone = timezone or account.timezone

    # Segments

    def add_segment(
        self,
        account_id: int,
        name: str,
        *,
        color: str = "10599d",
        size: int = 0,
        price_field_ids: Sequence[int] = (),
        place: int | None = None,
    ) -> int:
        """Add a segment; returns its id. ``place`` is its place in the list, by default one that only its id decides."""
        with self._changing(account_id) as account:
            segment_id, now = self.take_id("segment"), self._timestamp()
            account.segments[segment_id] = Segment(
                id=segment_id,
                name=name,
                color=color,
                created_at=now,
                updated_at=now,
                customers_count=size,
                price_field_ids=list(price_field_ids),
            )
            mixed = segment_id * 2_654_435_761 % 2**32 % (len(account.segment_order) + 1)
            account.segment_order.insert(mixed if place is None else place, segment_id)
            return segment_id

    def rename_segment(self, account_id: int, segment_id: int, name: str) -> None:
        """Change a segment's name."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.name = name

    def recolor_segment(self, account_id: int, segment_id: int, color: str) -> None:
        """Change a segment's colour, written without ``#``."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.color = color

    def set_price_fields(self, account_id: int, segment_id: int, price_field_ids: Sequence[int]) -> None:
        """Change which prices are available to a segment."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.price_field_ids = list(price_field_ids)

    def set_size(self, account_id: int, segment_id: int, size: int) -> None:
        """Change how many customers a segment holds; ``updated_at`` moves only where ``quirks`` say so."""
        with self._changing(account_id) as account:
            segment = account.segments[segment_id]
            segment.customers_count = size
            if self.quirks.size_moves_updated_at:
                segment.updated_at = self._timestamp()

    def set_segment_extra(self, account_id: int, segment_id: int, key: str, value: Json) -> None:
        """Show a key that the page does not know."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.extra[key] = value

    def delete_segment(self, account_id: int, segment_id: int) -> None:
        """Delete a segment: neither the list nor its id shows it any more."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.deleted_at = self._timestamp()

    def restore_segment(self, account_id: int, segment_id: int) -> None:
        """Bring a deleted segment back under its old id, as the vendor's support could; the API cannot."""
        with self._changing(account_id) as account:
            account.segments[segment_id].deleted_at = None

    # Values of segments' fields

    def set_field_value(self, account_id: int, segment_id: int, field_id: int, value: Json) -> None:
        """Set what a field of a segment holds, in the form its type asks for; None clears it.

        Options are given by their ids (several for multiselect), a ``date`` becomes midnight in the account's timezone and
        a ``datetime`` its instant. Anything else is kept as given.
        """
        with self.lock:
            account = self.account(account_id)
            values = [] if value is None else as_values(account.fields[field_id], value, account.timezone)
            self.set_raw_values(account_id, segment_id, field_id, values)

    def set_raw_values(
        self, account_id: int, segment_id: int, field_id: int, values: Sequence[Mapping[str, Json]]
    ) -> None:
        """Set the items of ``values`` as they shall be shown, however odd."""
        with self._changing_segment(account_id, segment_id) as segment:
            if values:
                segment.values[field_id] = [dict(one) for one in values]
            else:
                segment.values.pop(field_id, None)

    # Fields and options

    def add_field(
        self, account_id: int, name: str, kind: str, *, code: str | None = None, options: Sequence[str] = ()
    ) -> int:
        """Define a custom field for segments; returns its id. ``kind`` is its type, usually one of ``FIELD_TYPES``."""
        if options and kind not in OPTION_TYPES:
            raise ValueError(f"a field of type {kind} has no options")
        with self._changing(account_id) as account:
            field_id = self.take_id("field")
            sort = 500 + len(account.fields)
            account.fields[field_id] = Field(id=field_id, name=name, type=kind, code=code, sort=sort)
            for label in options:
                self.add_option(account_id, field_id, label)
            return field_id

    def rename_field(self, account_id: int, field_id: int, name: str) -> None:
        """Change a field's name; every segment that has a value shows the new one."""
        with self._changing_field(account_id, field_id) as definition:
            definition.name = name

    def retype_field(self, account_id: int, field_id: int, kind: str) -> None:
        """Change a field's type and leave the values as they are."""
        with self._changing_field(account_id, field_id) as definition:
            definition.type = kind

    def sort_field(self, account_id: int, field_id: int, sort: int) -> None:
        """Change a field's place among the others."""
        with self._changing_field(account_id, field_id) as definition:
            definition.sort = sort

    def set_field_extra(self, account_id: int, field_id: int, key: str, value: Json) -> None:
        """Show a key that the page does not know."""
        with self._changing_field(account_id, field_id) as definition:
            definition.extra[key] = value

    def delete_field(self, account_id: int, field_id: int) -> None:
        """Delete a field: no segment shows a value of it any more."""
        with self._changing_field(account_id, field_id) as definition:
            definition.deleted_at = self._timestamp()

    def restore_field(self, account_id: int, field_id: int) -> None:
        """Bring a deleted field back with the values it had."""
        with self._changing_field(account_id, field_id) as definition:
            definition.deleted_at = None

    def add_option(self, account_id: int, field_id: int, label: str) -> int:
        """Add a choice to a field; returns its id."""
        with self._changing_field(account_id, field_id) as definition:
            option_id = self.take_id("option")
            definition.options[option_id] = Option(id=option_id, value=label, sort=500 + len(definition.options))
            return option_id

    def rename_option(self, account_id: int, field_id: int, option_id: int, label: str) -> None:
        """Change a choice's label; every segment that holds it shows the new one."""
        with self._changing_field(account_id, field_id) as definition:
            definition.options[option_id].value = label

    def remove_option(self, account_id: int, field_id: int, option_id: int) -> None:
        """Remove a choice, from the segments that hold it too."""
        with self._changing(account_id) as account:
            del account.fields[field_id].options[option_id]
            for segment in account.segments.values():
                values = segment.values.get(field_id, [])
                kept = [value for value in values if value.get("enum_id") != option_id]
                if len(kept) < len(values):
                    segment.values[field_id] = kept

    # Stages

    def add_stage(
        self,
        account_id: int,
        name: str,
        *,
        sort: int = 10,
        color: str = "#d6eaff",
        conditions: Sequence[Sequence[Mapping[str, Json]]] = (),
        customers: int = 0,
    ) -> int:
        """Add a regular stage; returns its id. ``conditions`` are groups of rules as the API shows them."""
        with self._changing(account_id) as account:
            stage_id = self.take_id("stage")
            groups = [[dict(copy.deepcopy(one)) for one in group] for group in conditions]
            account.stages[stage_id] = Stage(
                id=stage_id, name=name, sort=sort, color=color, conditions=groups, customers_count=customers
            )
            return stage_id

    def rename_stage(self, account_id: int, stage_id: int, name: str) -> None:
        """Change a stage's name."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.name = name

    def sort_stage(self, account_id: int, stage_id: int, sort: int) -> None:
        """Change a stage's place among the others."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.sort = sort

    def recolor_stage(self, account_id: int, stage_id: int, color: str) -> None:
        """Change a stage's colour, written with ``#``."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.color = color

    def set_stage_conditions(
        self, account_id: int, stage_id: int, conditions: Sequence[Sequence[Mapping[str, Json]]]
    ) -> None:
        """Replace all groups of rules of a stage."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.conditions = [[dict(copy.deepcopy(one)) for one in group] for group in conditions]

    def edit_stage_rule(
        self, account_id: int, stage_id: int, group: int, position: int, new: Mapping[str, Json]
    ) -> None:
        """Replace one rule of a stage."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.conditions[group][position] = dict(copy.deepcopy(new))

    def delete_stage(self, account_id: int, stage_id: int) -> None:
        """Delete a stage, system ones included, which the API refuses."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.deleted_at = self._timestamp()

    def restore_stage(self, account_id: int, stage_id: int) -> None:
        """Bring a deleted stage back under its old id, as the vendor's support could; the API cannot."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.deleted_at = None

    # What the API shows now, whatever page or fault would do to it

    def shows_segments(self, account_id: int) -> bool:
        """Whether the account's mode answers for segments and their fields."""
        return self.account(account_id).mode in ("segments", "dynamic")

    def shows_stages(self, account_id: int) -> bool:
        """Whether the account's mode answers for stages."""
        return self.account(account_id).mode == "periodicity"

    def shown_segments(self, account_id: int) -> list[dict[str, Json]]:
        """The items of the segments list, without ``_links``; none where the mode is off."""
        with self.lock:
            account, with_codes = self.account(account_id), self.quirks.shows_enum_codes
            if not self.shows_segments(account_id):
                return []
            return [segment.item(account, with_enum_codes=with_codes) for segment in account.live_segments()]

    def shown_fields(self, account_id: int) -> list[dict[str, Json]]:
        """The items of the list of segments' fields, without ``_links``; none where the mode is off."""
        with self.lock:
            account = self.account(account_id)
            return [one.item(account) for one in account.live_fields()] if self.shows_segments(account_id) else []

    def shown_stages(self, account_id: int) -> list[dict[str, Json]]:
        """The items of the stages list, without ``_links``; none where the mode is off."""
        with self.lock:
            account = self.account(account_id)
            stages = account.live_stages() if self.shows_stages(account_id) else []
            return [copy.deepcopy(stage.item(account)) for stage in stages]

    # Changing

    @contextmanager
    def _changing(self, account_id: int) -> Iterator[Account]:
        with self.lock:
            account = self.account(account_id)
            yield account
            account.revision += 1

    @contextmanager
    def _changing_segment(self, account_id: int, segment_id: int) -> Iterator[Segment]:
        with self._changing(account_id) as account:
            yield account.segments[segment_id]
            account.segments[segment_id].updated_at = self._timestamp()

    @contextmanager
    def _changing_field(self, account_id: int, field_id: int) -> Iterator[Field]:
        with self._changing(account_id) as account:
            yield account.fields[field_id]

    @contextmanager
    def _changing_stage(self, account_id: int, stage_id: int) -> Iterator[Stage]:
        with self._changing(account_id) as account:
            yield account.stages[stage_id]
