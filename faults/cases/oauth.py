"""OAuth: a refresh token works once, and access is lost only if its response was lost."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from emulator import Clock, Emulator, effects
from emulator.faults import Effect
from emulator.messages import Response, problem
from faults.account_under_test import account_under_test
from faults.case import EXACT, REFUSED, Case, Trial, Verdict
from faults.cases.answers import PLACES
from faults.cases.secrets import by_oauth
from faults.harness import Harness
from faults.killing import PROCESSES, Deed, killed, make_mortal
from faults.oauth_account import OAuthAccount, Outage, new_oauth_account
from pipelines.amocrm.authorization import Authorization
from pipelines.amocrm.http import Transport
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.token_endpoint import TokenEndpoint
from pipelines.amocrm.token_store import TokenStore
from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.clock import Clock as LoadClock
from pipelines.base.errors import MustAuthorize, WarehouseError
from pipelines.config.integration import Integration

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)

ANSWERS: Final[Mapping[str, Callable[[], Effect]]] = {
    "lost: reset": effects.reset,
    "lost: closed": effects.hang_up,
    "lost: 502 in HTML": partial(effects.html, 502),
    "cut short": effects.truncated,
    "gzip cut short": effects.gzip_cut_short,
    "HTML with 200": effects.html,
    "{}": partial(effects.body, "{}"),
    "204": effects.no_content,
    "without a refresh token": partial(
        effects.payload, lambda document: {key: value for key, value in document.items() if key != "refresh_token"}
    ),
    "a redirect": partial(effects.redirect, "https://example.com/"),
}
"""Responses to a renewal that amoCRM has carried out."""

REFUSALS: Final[Mapping[str, Response]] = {
    "429": problem(429, "Too many requests", retry_after=1),
    "500": Response(status=500),
    "503 in HTML": Response(status=503, content_type=effects.HTML, body=b"<html></html>"),
}
"""Responses to a renewal that amoCRM has not carried out."""


def cases() -> Iterator[Case]:
    """Yield kills, lost and refused renewals, concurrent workers, and early refusals."""
    for name, work in (("a renewal", renewal), ("access given again", given_again), ("first access", first_access)):
        yield Case(
            name=f"oauth: {name} killed at every moment",
            wrong=f"The process is killed before and after each system call and request of {name}.",
            must="The access works; only where amoCRM had answered and nothing was written yet must it be given anew.",
            play=work,
            is_quick=name == "a renewal",
            seconds=300,
        )
    for number, (name, make) in enumerate(ANSWERS.items()):
        yield Case(
            name=f"oauth: the answer to a renewal {name}",
            wrong=f"amoCRM renews, and its answer is {name}: always.",
            must="'Authorise again' is said, once, and amoCRM is not asked any more.",
            play=partial(lost_answer, make=make),
            allowed=REFUSED,
            is_quick=number % 3 == 0,
        )
    for name, response in REFUSALS.items():
        yield Case(
            name=f"oauth: a renewal refused once with {name}",
            wrong=f"amoCRM answers {name} to a renewal, once, and does nothing.",
            must="The access works, then or later.",
            play=partial(refused_once, response=response),
            is_quick=name == "500",
        )
    yield Case(
        name="oauth: four workers renew at once",
        wrong="Four processes find at the same moment that the token has ended.",
        must="One renews, and all have its token.",
        play=partial(workers, count=4),
        allowed=EXACT,
        is_quick=True,
    )
    yield Case(
        name="oauth: a worker dies while others wait",
        wrong="The process that holds the lock is killed while two others wait for it.",
        must="They renew, once.",
        play=partial(workers, count=2, with_dead=True),
        allowed=EXACT,
    )
    for request in ("account", "segments, middle page", "segment by id"):
        for is_cured in (True, False):
            often = "once" if is_cured else "always"
            yield Case(
                name=f"oauth: 401 to a token that has not ended, {often}, {request}",
                wrong=f"amoCRM answers 401 to an access token that has not ended, {often}, at: {request}.",
                must="It is renewed once; if that does not help, the load is refused and nothing is renewed again.",
                play=partial(refused_token, place=request, is_cured=is_cured),
                allowed=frozenset({Verdict.EXACT if is_cured else Verdict.REFUSED}),
                is_quick=request == "segments, middle page",
            )


@contextmanager
def place(harness: Harness) -> Iterator[OAuthAccount]:
    """Open an OAuth account in a folder of its own."""
    folder = harness.folder / f"oauth-{harness.new_id()}"
    folder.mkdir()
    with Emulator(clock=Clock(NOW)) as emulator:
        yield new_oauth_account(emulator, folder)


def access(integration: Integration, file: Path, base_url: str) -> Authorization:
    """Authorization of one worker, at the emulator's time."""
    clock = LoadClock(now=lambda: NOW)
    token_endpoint = TokenEndpoint(integration, limits=Limits(requests_per_second=1_000), clock=clock)
    return Authorization(integration, file, base_url, token_endpoint=token_endpoint, clock=clock)


def renew_and_die(
    integration: Integration, file: Path, base_url: str, code: str | None, death: int, passed: Any
) -> None:
    """Renew, or exchange a code, and be killed at a step."""
    authorization = access(integration, file, base_url)
    deeds = [Deed(holder=os, name=name) for name in ("open", "write", "fsync", "ftruncate", "replace", "mkdir")]
    make_mortal(
        [*deeds, Deed(holder=fcntl, name="flock"), Deed(holder=Transport, name="send")], death=death, passed=passed
    )
    if code is None:
        authorization.refresh()
    else:
        authorization.authorize(code)


def _killed(at: OAuthAccount, code: str | None, death: int = -1) -> tuple[bool, int]:
    return killed(renew_and_die, at.integration, at.file, at.emulator.url, code, death=death)


def refusal_of(at: OAuthAccount) -> str | None:
    """Error of the next renewal; None if it succeeds."""
    try:
        at.authorization().refresh()
    except MustAuthorize as error:
        return str(error)
    return None


def renewal(harness: Harness) -> Iterator[Trial]:
    """Kill a renewal at each of its steps."""
    with place(harness) as at:
        at.authorized()
        _, whole = _killed(at, None)
        for death in harness.sample("renewal", whole, 8):
            at.authorized()
            before = at.stored_tokens
            _killed(at, None, death)
            has_answered, asked = at.grant(before).is_used, at.renewals
            refused = refusal_of(at)
            if refused is None:
                is_well = not at.grant(at.stored_tokens).is_used and not at.is_open and refusal_of(at) is None
                yield Trial(verdict=Verdict.EXACT if is_well else Verdict.DAMAGED, why=f"moment {death}")
                continue
            asks_no_more = at.renewals == asked + 1 and refusal_of(at) is not None and at.renewals == asked + 1
            is_right = "The tokens are lost" in refused and has_answered and asks_no_more
            yield Trial(
                verdict=Verdict.REFUSED if is_right else Verdict.DAMAGED, why=f"killed at moment {death}: {refused}"
            )


def given_again(harness: Harness) -> Iterator[Trial]:
    """Kill a repeated authorization at each of its steps."""
    with place(harness) as at:
        at.authorized()
        _, whole = _killed(at, at.code())
        for death in harness.sample("given again", whole, 8):
            _killed(at, at.code(), death)
            refused = refusal_of(at)  # with the pair of before or with the new one
            yield Trial(verdict=Verdict.EXACT if refused is None else Verdict.DAMAGED, why=refused or "")


def first_access(harness: Harness) -> Iterator[Trial]:
    """Kill the first authorization at each of its steps: from some step on it is stored."""
    with place(harness) as at:
        _, whole = _killed(at, at.code())
        works: list[bool] = []
        for death in harness.sample("first access", whole, 8):
            at.file = at.file.parent.with_name(str(death)) / "main.json"
            _killed(at, at.code(), death)
            try:
                works.append(bool(at.authorization()()))
            except MustAuthorize:
                works.append(False)
            is_in_order = works == sorted(works)
            verdict = Verdict.EXACT if works[-1] else Verdict.REFUSED
            yield Trial(verdict=verdict if is_in_order else Verdict.DAMAGED, why=f"moment {death}")


def lost_answer(harness: Harness, *, make: Callable[[], Effect]) -> Iterator[Trial]:
    """Renew while the response is lost or damaged."""
    with place(harness) as at:
        authorization = at.authorized()
        with at.emulator.faults.during(make(), resource="token"):
            try:
                authorization.refresh()
            except WarehouseError as error:
                first = f"{type(error).__name__}: {error}"
            else:
                yield Trial(verdict=Verdict.SILENT, why="an answer that is none was taken for one")
                return
        said = refusal_of(at)
        asked = at.renewals
        is_right = said is not None and refusal_of(at) is not None and at.renewals == asked
        authorized = at.authorized()
        is_right = is_right and bool(authorized())
        yield Trial(verdict=Verdict.REFUSED if is_right else Verdict.DAMAGED, why=said or first)


def refused_once(harness: Harness, *, response: Response) -> Iterator[Trial]:
    """Renew while amoCRM refuses before renewing."""
    with place(harness) as at:
        authorization = at.authorized()
        at.answers_with(Outage(response=response, times=1))
        try:
            authorization.refresh()
            verdict, why = Verdict.EXACT, ""
        except WarehouseError as error:
            verdict, why = Verdict.REFUSED, f"{type(error).__name__}: {error}"
        at.answers_with(None)
        said = refusal_of(at)
        yield Trial(verdict=verdict if said is None else Verdict.DAMAGED, why=said or why)


# Several at once


def workers(harness: Harness, *, count: int, with_dead: bool = False) -> Iterator[Trial]:
    """Renew in several processes at once, perhaps with one that dies holding the lock."""
    with place(harness) as at:
        at.authorized()
        before = at.stored_tokens
        at.emulator.faults.add(effects.drip(0.01, piece=64), resource="token")
        if with_dead:
            dying = PROCESSES.Process(target=hold_and_die, args=(at.file,))
            dying.start()
        barrier, responses = PROCESSES.Barrier(count), PROCESSES.Queue()
        arguments = (at.integration, at.file, at.emulator.url, barrier, responses)
        working = [PROCESSES.Process(target=renew_with_others, args=arguments) for _ in range(count)]
        for worker in working:
            worker.start()
        found = [responses.get(timeout=50) for _ in working]
        for worker in working:
            worker.join()
        newest = at.stored_tokens.pair.access_token
        is_right = found == [newest.reveal()] * count and newest != before.pair.access_token and at.renewals == 2
        yield Trial(verdict=Verdict.EXACT if is_right else Verdict.DAMAGED, why=f"{at.renewals - 1} renewals")


def renew_with_others(integration: Integration, file: Path, base_url: str, barrier: Any, responses: Any) -> None:
    """Renew at the same moment as the others, and report the new token."""
    authorization = access(integration, file, base_url)
    authorization()
    barrier.wait(30)
    authorization.refresh()
    responses.put(authorization())


def hold_and_die(file: Path) -> None:
    """Take the lock, begin a renewal, and be killed."""
    stored_tokens = TokenStore(file, SYSTEM_CLOCK)
    with stored_tokens.locked():
        stored_tokens.begin_renewal()
        os.kill(os.getpid(), signal.SIGKILL)


def refused_token(harness: Harness, *, place: str, is_cured: bool) -> Iterator[Trial]:
    """Load while the token is refused, and count renewals."""
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
