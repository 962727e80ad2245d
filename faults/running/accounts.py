"""Emulated accounts that change all segments at once, so that a mixed state is visible."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from emulator import Emulator
from faults.oracle import segment_row

SEGMENTS: Final = 6
TIMEZONE: Final = "Europe/Moscow"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """State of an account since an instant."""

    since: datetime
    rows: tuple[Any, ...]


class EmulatedAccounts:
    """The accounts. The states of each are numbered from 0; every segment's name begins with its state's number."""

    def __init__(self, emulator: Emulator, count: int, chances: random.Random) -> None:
        """Open the accounts."""
        self._world, self._chances = emulator.world, chances
        self.states: defaultdict[int, list[State]] = defaultdict(list)  # by account, oldest first
        self.tokens: dict[int, str] = {}
        for _ in range(count):
            account_id = self._world.add_account(timezone=TIMEZONE)
            self._world.add_field(account_id, "Field", "text")
            self.tokens[account_id] = emulator.long_lived_token(account_id)
            for place in range(SEGMENTS):
                self._world.add_segment(account_id, f"new {place}", size=0)
            self.change(account_id)

    @property
    def ids(self) -> Sequence[int]:
        """The accounts."""
        return list(self.tokens)

    def change(self, account_id: int) -> None:
        """Change every segment of an account, and sometimes replace one."""
        with self._world.lock:
            number = len(self.states[account_id])
            segments = self._world.account(account_id).live_segments()
            if self._chances.random() < 0.3:
                self._world.delete_segment(account_id, segments.pop(0).id)
                self._world.add_segment(account_id, "new", size=0)
            for segment in self._world.account(account_id).live_segments():
                self._world.rename_segment(account_id, segment.id, f"{number}|{segment.id}")
                self._world.set_size(account_id, segment.id, number)
            if self._chances.random() < 0.2:
                [field] = self._world.account(account_id).live_fields()
                self._world.rename_field(account_id, field.id, f"Field {number}")
            shown = self._world.shown_segments(account_id)
            rows = tuple(sorted(segment_row(one, TIMEZONE) for one in shown))
            self.states[account_id].append(State(since=self._world.now(), rows=rows))

    def change_some(self) -> None:
        """Change a random account."""
        self.change(self._chances.choice(self.ids))


def state_of(names_and_sizes: Iterable[tuple[str, int]]) -> int | None:
    """Number of the state that all these segments belong to; None if mixed."""
    rows = list(names_and_sizes)
    numbers = {int(name.partition("|")[0]) for name, _ in rows} | {size for _, size in rows}
    return numbers.pop() if len(numbers) == 1 and len(rows) == SEGMENTS else None
