"""An emulated account, and clients of it that do not sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from emulator import Emulator
from faults import oauth_account
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.extract import KnownEntities, extract
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.models import Snapshot
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.clock import Clock
from tests.records import START

QUICK_LIMITS = oauth_account.QUICK


@dataclass(kw_only=True)
class ClientAccount:
    """An account with seven segments and two fields."""

    emulator: Emulator
    account_id: int
    segment_ids: list[int]
    field_id: int
    option_ids: list[int]
    slept: list[float] = field(default_factory=list)  # what clients waited for, without waiting
    rate_limiters: RateLimiters = field(default_factory=RateLimiters)

    @property
    def token(self) -> str:
        """A valid token."""
        return self.emulator.long_lived_token(self.account_id)

    @property
    def known(self) -> KnownEntities:
        """Current entities, as known after a load."""
        account = self.emulator.world.account(self.account_id)
        return KnownEntities(
            account_id=self.account_id,
            segment_ids=frozenset(segment.id for segment in account.live_segments()),
            field_ids=frozenset(account.fields),
            option_ids=frozenset((one.id, option_id) for one in account.fields.values() for option_id in one.options),
            stage_ids=frozenset(account.stages) if account.mode == "periodicity" else frozenset(),
        )

    def set_page_size(self, size: int) -> None:
        """Serve lists in pages of this size, whatever the limit parameter says."""
        world = self.emulator.world
        world.quirks = replace(world.quirks, ignores_limit=True, default_limit=size)

    def client(
        self,
        limits: Limits = QUICK_LIMITS,
        token: Callable[[], str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> AmoClient:
        """Make a client that records waits instead of sleeping."""
        default_token = self.token
        return AmoClient(
            self.emulator.url,
            token or (lambda: default_token),
            account_key="shop",
            limits=limits,
            rate_limiters=self.rate_limiters,
            clock=Clock(monotonic=monotonic, sleep=self.slept.append, random=lambda: 1.0),
        )

    def extract(self, known: KnownEntities | None = None, limits: Limits = QUICK_LIMITS) -> AmoClient:
        """Fetch everything as one load does; the client holds the responses."""
        with self.client(limits) as client:
            extract(client, known or KnownEntities())
            return client

    def snapshot(self, known: KnownEntities | None = None, limits: Limits = QUICK_LIMITS) -> Snapshot:
        """Fetch everything as one load does, and parse it."""
        return parsed(self.extract(known, limits))


def parsed(client: AmoClient) -> Snapshot:
    """Parse the responses that a client holds."""
    return parse_snapshot(client.responses, START, documents=client.documents)


def requested_paths(account: ClientAccount) -> list[str]:
    """Shortened paths of the requests."""
    return [request.path.removeprefix("/api/v4/").removeprefix("customers/") for request in account.emulator.requests]
