"""Loads by OAuth whose access token amoCRM refuses before its time. Renewals themselves are in ``oauth``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from emulator import effects
from faults.account_under_test import account_under_test
from faults.case import Case, Trial, Verdict
from faults.cases.answers import PLACES
from faults.cases.secrets import by_oauth
from faults.harness import Harness


def cases() -> Iterator[Case]:
    """A refusal that a renewal cures, and one that none does."""
    for place in ("account", "segments, middle page", "segment by id"):
        for is_cured in (True, False):
            often = "once" if is_cured else "always"
            yield Case(
                name=f"oauth: 401 to a token that has not ended, {often}, {place}",
                wrong=f"amoCRM answers 401 to an access token that has not ended, {often}, at: {place}.",
                must="It is renewed once; if that does not help, the load is refused and nothing is renewed again.",
                play=partial(refused, place=place, is_cured=is_cured),
                allowed=frozenset({Verdict.EXACT if is_cured else Verdict.REFUSED}),
                is_quick=place == "segments, middle page",
            )


def refused(harness: Harness, *, place: str, is_cured: bool) -> Iterator[Trial]:
    """A load whose token is refused, and how often it was renewed."""
    with account_under_test(harness) as account:
        usual = account.account
        by_oauth(account)
        before, asked = account.contents(), len(account.emulator.requests)
        where = PLACES[place].where | ({"times": 1} if is_cured else {})
        with account.emulator.faults.during(effects.error(401), **where):
            loaded = account.load()
        renewed = sum(one.path == "/oauth2/access_token" for one in account.emulator.requests[asked:])
        trial = account.judge(loaded, before)
        if renewed != 1:
            trial = replace(trial, verdict=Verdict.DAMAGED, why=f"renewed {renewed} times")
        account.account = usual
        yield account.recover(trial)
