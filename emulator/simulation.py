"""Simulation of one account over time, determined by a seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from emulator import timeline
from emulator.entities import Json, Mode
from emulator.scenario import Scenario
from emulator.seed_data import CAMPAIGN, DEFAULT_SIZE_PATTERN, LATER_SEGMENTS, SEGMENTS
from emulator.sizes import SizePattern, size_at
from emulator.world import World

SEGMENT_SEEDS = SEGMENTS | LATER_SEGMENTS


class Simulation:
    """One account whose segments, stages, fields and sizes change from ``started_at`` on.

    The state at an instant depends only on the seed and the instant, not on the number of steps. ``mode`` decides
    whether the API shows segments or stages; both are simulated. Without ``account_id`` the world assigns an id.
    """

    def __init__(
        self, seed: int, started_at: datetime, mode: Mode = "segments", *, account_id: int | None = None
    ) -> None:
        if started_at.tzinfo is None:
            raise ValueError(f"started_at needs a timezone: {started_at!r}")
        self.seed = seed
        self.started_at = started_at.astimezone(UTC)
        self.mode: Mode = mode
        self.at: datetime | None = None  # the instant up to which the world was advanced
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
                    begun = Scenario.create_account(world, self.mode, self._requested_account_id)
                self._account_id, self._ids = begun.account_id, begun.ids
            scenario = Scenario(world, self.account_id, self._ids)
            since = self.at - self.started_at if self.at else timedelta(microseconds=-1)
            for event in timeline.events(self.seed, since, to - self.started_at):
                self.at = self.started_at + event.after
                self._update_sizes(scenario, self.at)  # so that deleted segments keep the size of that time
                with world.at(self.at):
                    event.action(scenario)
            self.at = to.astimezone(UTC)
            self._update_sizes(scenario, self.at)

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
            "ids": dict(self._ids),
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Simulation:
        """Restore the simulation, to be used with the world that was saved with it."""
        simulation = cls(data["seed"], datetime.fromisoformat(data["started_at"]), data["mode"])
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
            if new_size != segment.customers_count:
                scenario.world.set_size(scenario.account_id, segment.id, new_size)


def _size_pattern_of(key: str) -> SizePattern:
    if key.startswith("campaign_"):
        return CAMPAIGN.size_pattern
    return SEGMENT_SEEDS[key].size_pattern if key in SEGMENT_SEEDS else DEFAULT_SIZE_PATTERN
