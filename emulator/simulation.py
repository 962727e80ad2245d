"""Simulation of one account over time, determined by a seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from emulator import timeline
from emulator.customer_life import fit_segments, live_one_day
from emulator.customer_moves import advance_customers
from emulator.entities import Json, Mode
from emulator.scenario import Scenario
from emulator.seed_data import CAMPAIGN, DEFAULT_SIZE_PATTERN, LATER_SEGMENTS, SEGMENTS
from emulator.sizes import SizePattern, size_at
from emulator.world import World

DAY = timedelta(days=1)
SEED_CUSTOMERS = 5_000
"""Customers for which the seed data's sizes are made; with more or fewer, the sizes are in proportion."""
SEGMENT_SEEDS = SEGMENTS | LATER_SEGMENTS


class Simulation:
    """One account whose segments, stages, fields and sizes change from ``started_at`` on.

    The state at an instant depends only on the seed and the instant, not on the number of steps. ``mode`` decides
    whether the API shows segments or stages; both are simulated. Without ``account_id`` the world assigns an id.
    With ``customers``, that many are there from the start; they live day by day, and the sizes follow from them.
    """

    def __init__(
        self,
        seed: int,
        started_at: datetime,
        mode: Mode = "segments",
        *,
        account_id: int | None = None,
        name: str | None = None,
        customers: int = 0,
    ) -> None:
        if started_at.tzinfo is None:
            raise ValueError(f"started_at needs a timezone: {started_at!r}")
        self.seed = seed
        self.started_at = started_at.astimezone(UTC)
        self.mode: Mode = mode
        self.at: datetime | None = None  # the instant up to which the world was advanced
        self.customers = customers
        self._name = name
        self._requested_account_id = account_id
        self._account_id: int | None = None
        self._ids: dict[str, int] = {}

    @property
    def account_id(self) -> int:
        """Id of the account, known after the first ``advance``."""
        if self._account_id is None:
            raise RuntimeError("the simulation has not begun: advance it first")
        return self._account_id

    def advance(self, world: World, to: datetime) -> None:
        """Apply all events up to ``to`` to ``world``; do nothing if ``to`` is in the past."""
        if to < self.started_at or (self.at is not None and to <= self.at):
            return
        with world.lock:
            if self._account_id is None:
                with world.at(self.started_at):
                    begun = Scenario.create_account(world, self.mode, self._requested_account_id, self._name)
                    if self.customers:
                        world.add_customers(begun.account_id, self.customers, seed=self.seed, segments_each=0)
                self._account_id, self._ids = begun.account_id, begun.ids
            scenario = Scenario(world, self.account_id, self._ids)
            since = self.at - self.started_at if self.at else timedelta(microseconds=-1)
            until = to - self.started_at
            for event in sorted(
                [*timeline.events(self.seed, since, until), *self._days(since, until)], key=lambda event: event.after
            ):
                self._advance_to(scenario, self.started_at + event.after)
                with world.at(self.started_at + event.after):
                    event.action(scenario)
            self._advance_to(scenario, to.astimezone(UTC))

    def _advance_to(self, scenario: Scenario, instant: datetime) -> None:
        """Let the sizes, or the customers, reach an instant."""
        self.at = instant
        if self.customers:
            advance_customers(scenario.world, self.account_id, instant)
        else:
            self._update_sizes(scenario, instant)  # also before events: deleted segments keep the size of that time

    def _days(self, since: timedelta, until: timedelta) -> Iterator[timeline.Event]:
        """Yield the days of the customers' lives."""
        first, last = since // DAY + 1, until // DAY
        for day in range(first, last + 1 if self.customers else first):
            yield timeline.Event(after=day * DAY, action=partial(self._live, day=day))

    def _live(self, scenario: Scenario, day: int) -> None:
        """Let the customers of an account live one day, and the segments reach the sizes of that day."""
        if day:
            live_one_day(scenario.world, self.account_id, Random(f"{self.seed}/{day}"))
        self._update_sizes(scenario, self.started_at + day * DAY)

    def outages(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """Return start and end of the outages that start until then, oldest first."""
        spans = timeline.outages(self.seed, until - self.started_at)
        return [(self.started_at + start, self.started_at + end) for start, end in spans]

    def is_outage_at(self, instant: datetime) -> bool:
        """Return True if the API responds with 503 at that instant."""
        return any(start <= instant < end for start, end in self.outages(instant))

    def to_json(self) -> dict[str, Json]:
        """Serialize the simulation."""
        return {
            "seed": self.seed,
            "started_at": self.started_at.isoformat(),
            "mode": self.mode,
            "at": self.at and self.at.isoformat(),
            "account_id": self._account_id,
            "customers": self.customers,
            "ids": dict(self._ids),
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Simulation:
        """Restore the simulation, to be used with the world that was saved with it."""
        simulation = cls(data["seed"], datetime.fromisoformat(data["started_at"]), data["mode"])
        simulation.customers = data.get("customers", 0)
        simulation.at = data["at"] and datetime.fromisoformat(data["at"])
        simulation._account_id = data["account_id"]
        simulation._ids = dict(data["ids"])
        return simulation

    def _update_sizes(self, scenario: Scenario, instant: datetime) -> None:
        """Set every segment's size at an instant."""
        account = scenario.world.account(scenario.account_id)
        local = instant.astimezone(ZoneInfo(account.timezone))
        begun = [self.started_at + after for after in timeline.campaigns(self.seed, instant - self.started_at)]
        keys = {segment_id: key for key, segment_id in scenario.segment_ids().items()}
        wanted_sizes: dict[int, int] = {}
        for segment in account.live_segments():
            key = keys.get(segment.id, "")
            new_size = size_at(
                _size_pattern_of(key),
                seed=f"{self.seed}/{key or segment.id}",
                started_at=self.started_at,
                local=local,
                age=timedelta(seconds=instant.timestamp() - segment.created_at),
                campaigns=begun,
            )
            if self.customers:
                wanted_sizes[segment.id] = new_size * self.customers // SEED_CUSTOMERS
            elif new_size != segment.customers_count:
                scenario.world.set_size(scenario.account_id, segment.id, new_size)
        fit_segments(scenario.world, scenario.account_id, wanted_sizes, Random(f"{self.seed}/{instant}"))


def _size_pattern_of(key: str) -> SizePattern:
    if key.startswith("campaign_"):
        return CAMPAIGN.size_pattern
    return SEGMENT_SEEDS[key].size_pattern if key in SEGMENT_SEEDS else DEFAULT_SIZE_PATTERN
