"""Cases, trials, verdicts and results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.faults import Effect, RequestFilter
    from faults.harness import Harness


class Verdict(StrEnum):
    """Outcome of a fault, from best to worst. Only the first two pass."""

    EXACT = "exact"  # the right data are stored
    REFUSED = "refused"  # a clear error, and what was stored is as it was
    DAMAGED = "damaged"  # an error, and what was stored is not as it was; or no way back from it
    SILENT = "silent"  # wrong data, and no error
    LEAK = "leak"  # a secret, or another's data, where it must not be
    HANG = "hang"  # no end within the time a case has


EXACT: Final = frozenset({Verdict.EXACT})
REFUSED: Final = frozenset({Verdict.REFUSED})
HELD: Final = EXACT | REFUSED
WORST_LAST: Final = tuple(Verdict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One attempt and its verdict."""

    verdict: Verdict
    why: str = ""  # what was refused, or what is wrong, in words
    requests: int = 0  # that the faulted load made
    recovery_seconds: float | None = None  # the next load's, once the fault is gone
    recovery_requests: int | None = None
    rows_lost: int = 0
    rows_doubled: int = 0
    false_endings: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """A fault of amoCRM's responses, applicable to any client."""

    make: Callable[[], Effect]
    where: RequestFilter
    mode: str = "segments"  # the account's


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One line of the fault list: the failure, the required outcome, and how to play it.

    ``play`` yields a ``Trial`` for each thing it tries; a case is as good as its worst. ``is_quick`` says whether the
    quick half, which is part of the tests, has it.
    """

    name: str  # "group: what goes wrong"
    wrong: str
    must: str
    play: Callable[[Harness], Iterable[Trial]] = field(repr=False)
    allowed: frozenset[Verdict] = HELD
    is_quick: bool = False
    seconds: float = 120.0  # more is a hang, on a machine that is ten times slower than ours too
    wire: Wire | None = field(default=None, repr=False)
    missing: str = ""  # why it cannot be played on this machine

    @property
    def group(self) -> str:
        """Group: the first word of the name."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Result of a case."""

    case: Case
    verdict: Verdict
    why: str
    seconds: float
    trials: tuple[Trial, ...] = field(repr=False)
    looks: int = 0  # at the views, meanwhile
    torn: int = 0  # of them between two states

    @property
    def is_held(self) -> bool:
        """True if the verdict is allowed and no read was torn."""
        return self.verdict in self.case.allowed and not self.torn
