"""A company whose account lives through days, the same ones for the same seed. Simulated from end to end."""

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
    """One account that grows, is renamed, rearranged and advertised to, from ``started_at`` on, without end.

    What a world shows at an instant follows from the seed and the instant alone, however many steps led there. ``mode``
    decides which half of the account the API shows; both halves live on. The world chooses the account's
    id where ``account_id`` does not say it.
    """

    def __init__(
        self, seed: int, started_at: datetime, mode: Mode = "segments", *, account_id: int | None = None
    ) -> None:
        if started_at.tzinfo is None:
            raise ValueError(f"a story needs a timezone to start in: {started_at!r}")
        self.seed = seed
        self.started_at = started_at.astimezone(UTC)
        self.mode: Mode = mode
        self.at: datetime | None = None  # the instant up to which the story is told
        self._requested_account_id = account_id
        self._account_id: int | None = None
        self._ids: dict[str, int] = {}

    @property
    def account_id(self) -> int:
        """The id of the company's account, known once the story has begun."""
        if self._account_id is None:
            raise RuntimeError("the story has not begun: advance it first")
        return self._account_id

    def advance(self, world: World, to: datetime) -> None:
        """Let everything happen to ``world`` that happens until ``to``; nothing where that lies in the past."""
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
                self._update_sizes(scenario, self.at)  # so that what is deleted keeps the size of that moment
                with world.at(self.at):
                    event.action(scenario)
            self.at = to.astimezone(UTC)
            self._update_sizes(scenario, self.at)

    def outages(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """The spans begun until then in which the API answers 503: beginning and end, oldest first."""
        spans = timeline.outages(self.seed, until - self.started_at)
        return [(self.started_at + start, self.started_at + end) for start, end in spans]

    def is_outage_at(self, instant: datetime) -> bool:
        """Whether the API answers 503 at that instant."""
        return any(start <= instant < end for start, end in self.outages(instant))

    def to_json(self) -> dict[str, Json]:
        """Where the story is; ``from_json`` goes on from there."""
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
        """The story that ``to_json`` left off, to be told to the world that was saved with it."""
        simulation = cls(data["seed"], datetime.fromisoformat(data["started_at"]), data["mode"])
        simulation.at = data["at"] and datetime.fromisoformat(data["at"])
        simulation._account_id = data["account_id"]
        simulation._ids = dict(data["ids"])
        return simulation

    def _update_sizes(self, scenario: Scenario, instant: datetime) -> None:
        """Give every segment the size it has at an instant."""
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
