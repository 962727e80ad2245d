"""A company whose account lives through days, the same ones for the same seed. Simulated from end to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from emulator import plot
from emulator.company import ADDED_BY_HAND, CAMPAIGN, LATER_SEGMENTS, SEGMENTS
from emulator.scene import Scene
from emulator.sizes import Rhythm, size
from emulator.things import Json, Mode
from emulator.world import World

PLANS = SEGMENTS | LATER_SEGMENTS


class Story:
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
        self._wanted_id = account_id
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
                    begun = Scene.first_day(world, self.mode, self._wanted_id)
                self._account_id, self._ids = begun.account_id, begun.ids
            scene = Scene(world, self.account_id, self._ids)
            told = self.at - self.started_at if self.at else timedelta(microseconds=-1)
            for event in plot.events(self.seed, told, to - self.started_at):
                self.at = self.started_at + event.after
                self._move_customers(scene, self.at)  # so that what is deleted keeps the size of that moment
                with world.at(self.at):
                    event.happens(scene)
            self.at = to.astimezone(UTC)
            self._move_customers(scene, self.at)

    def outages(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """The spans begun until then in which the API answers 503: beginning and end, oldest first."""
        spans = plot.outages(self.seed, until - self.started_at)
        return [(self.started_at + begins, self.started_at + ends) for begins, ends in spans]

    def is_out(self, instant: datetime) -> bool:
        """Whether the API answers 503 at that instant."""
        return any(begins <= instant < ends for begins, ends in self.outages(instant))

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
    def from_json(cls, data: dict[str, Json]) -> Story:
        """The story that ``to_json`` left off, to be told to the world that was saved with it."""
        story = cls(data["seed"], datetime.fromisoformat(data["started_at"]), data["mode"])
        story.at = data["at"] and datetime.fromisoformat(data["at"])
        story._account_id = data["account_id"]
        story._ids = dict(data["ids"])
        return story

    def _move_customers(self, scene: Scene, instant: datetime) -> None:
        """Give every segment the size it has at an instant."""
        account = scene.world.account(scene.account_id)
        local = instant.astimezone(ZoneInfo(account.timezone))
        begun = [self.started_at + after for after in plot.campaigns(self.seed, instant - self.started_at)]
        keys = {segment_id: key for key, segment_id in scene.segment_ids().items()}
        for segment in account.live_segments():
            key = keys.get(segment.id, "")
            moved = size(
                _rhythm(key),
                seed=f"{self.seed}/{key or segment.id}",
                started_at=self.started_at,
                local=local,
                age=timedelta(seconds=instant.timestamp() - segment.created_at),
                campaigns=begun,
            )
            if moved != segment.customers_count:
                scene.world.set_size(scene.account_id, segment.id, moved)


def _rhythm(key: str) -> Rhythm:
    if key.startswith("campaign_"):
        return CAMPAIGN.rhythm
    return PLANS[key].rhythm if key in PLANS else ADDED_BY_HAND
