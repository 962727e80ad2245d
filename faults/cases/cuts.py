"""The connection to Postgres, cut at each message of a load."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Final

from sqlalchemy import make_url

from faults.account_under_test import account_under_test
from faults.case import Case, Trial
from faults.harness import Harness
from faults.proxy import Proxy

PARTS: Final = 8
"""Cases that share the messages: the first has each eighth from the first on, the second from the second on."""

QUICK_STEP: Final = 160
"""Messages from one cut to the next in a quick run; a load sends and gets some 780."""


def cases() -> Iterator[Case]:
    """Yield cuts before each message, and before or after each eighth for the other variants."""
    for is_after in (False, True):
        for stays_down in (False, True):
            when, rest = "after" if is_after else "before", "for good" if stays_down else "once"
            parts = 1 if is_after or stays_down else PARTS
            for part in range(parts):
                yield Case(
                    name=f"database: cut {when} {'each eighth' if parts == 1 else 'every'} message, {rest}"
                    + (f", part {part + 1} of {parts}" if parts > 1 else ""),
                    wrong=f"The connection to Postgres is cut {when} a message of a load, COMMIT's too, {rest}.",
                    must="The snapshot is there whole and once, or not at all; the next load finds its way.",
                    play=partial(cuts, part=part, is_after=is_after, stays_down=stays_down),
                    is_quick=part == 0 and not stays_down,
                    seconds=900,
                )


def cuts(harness: Harness, *, part: int, is_after: bool, stays_down: bool) -> Iterator[Trial]:
    """Cut the connection of one load after another, a message later each time."""
    chance = harness.chance(f"cuts {is_after} {stays_down}")
    numbers = count(chance.randrange(QUICK_STEP), QUICK_STEP) if harness.is_quick else count(part, PARTS)
    port = make_url(harness.url).port
    assert port
    for number in numbers:
        with (
            account_under_test(harness) as account,
            Proxy(port=port, cut_at=number, is_after=is_after, stays_down=stays_down) as proxy,
        ):
            before = account.contents()
            loaded = account.load(engine=account.through(proxy.listens_at, harness.url))
            if not proxy.has_cut:
                return
            yield account.recover(account.judge(loaded, before))
