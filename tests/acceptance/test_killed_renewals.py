"""A worker killed (SIGKILL) before and after each thing it does to renew tokens, and several workers at once.

Afterwards the access works, unless amoCRM had answered and the answer was not on the disk yet: then, and only then,
somebody has to give access again, and amoCRM is asked once more and never after that.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator import Clock, Emulator, effects
from faults.office import Office, office
from pipelines.amocrm.authorization import Authorization
from pipelines.amocrm.conversation import Clocks
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.oauth import Integration
from pipelines.amocrm.token_desk import TokenDesk
from pipelines.amocrm.token_file import TokenFile
from pipelines.amocrm.transport import Transport
from pipelines.errors import MustAuthorize

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["pipelines.amocrm.authorization"])


def access(integration: Integration, file: Path, base_url: str) -> Authorization:
    """A worker's own access; it is still the emulator's day."""
    clocks = Clocks(now=lambda: NOW)
    desk = TokenDesk(integration, limits=Limits(requests_per_second=1_000), clocks=clocks)
    return Authorization(integration, file, base_url, desk=desk, clocks=clocks)


def renew_and_die(integration: Integration, file: Path, base_url: str, code: str | None, death: int) -> None:
    """Renew, or have the first pair for a code, and be killed at the ``death``-th moment."""
    moments = iter(range(10**6))

    def die_if_due() -> None:
        if next(moments) == death:
            os.kill(os.getpid(), signal.SIGKILL)

    def mortal(do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **kwargs: Any) -> Any:
            die_if_due()
            result = do(*args, **kwargs)
            die_if_due()
            return result

        return done

    authorization = access(integration, file, base_url)
    for holder, name in ((os, "open"), (os, "write"), (os, "fsync"), (os, "ftruncate"), (os, "replace"), (os, "mkdir")):
        setattr(holder, name, mortal(getattr(holder, name)))
    fcntl.flock = mortal(fcntl.flock)
    Transport.send = mortal(Transport.send)  # type: ignore[method-assign]
    if code is None:
        authorization.refresh()
    else:
        authorization.authorize(code)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Office]:
    with Emulator(clock=Clock(NOW)) as emulator:
        yield office(emulator, tmp_path)


def killed(place: Office, code: str | None, death: int) -> bool:
    """Whether a worker died at that moment."""
    worker = processes.Process(
        target=renew_and_die, args=(place.integration, place.file, place.emulator.url, code, death)
    )
    worker.start()
    worker.join()
    assert worker.exitcode in (0, -signal.SIGKILL)
    return worker.exitcode != 0


def refusal_of(place: Office) -> str | None:
    """What the next worker who renews is told; None where all is well."""
    try:
        place.authorization().refresh()
    except MustAuthorize as error:
        return str(error)
    return None


def test_a_renewal_killed_at_every_moment(place: Office) -> None:
    lost = set()
    for death in range(10**6):
        place.authorized()
        before = place.kept
        if not killed(place, None, death):
            break
        has_answered = place.grant(before).is_used
        asked = place.renewals
        if (refusal := refusal_of(place)) is not None:
            lost.add(death)
            assert "The tokens are lost" in refusal
            assert has_answered, f"locked out by dying at moment {death}, before amoCRM answered"
            assert place.renewals == asked + 1
            assert refusal_of(place) is not None
            assert place.renewals == asked + 1
        else:
            assert not place.grant(place.kept).is_used
            assert not place.is_open
            place.authorization().refresh()
    assert death > 25, "the worker did less than renewing takes"
    assert lost == set(range(min(lost), max(lost) + 1)), "one stretch, from the answer to the write that keeps it"
    assert len(lost) < 7, "the answer is written down at once"
    assert max(lost) < death - 8, "what is written is found, though it was not put in its place"


def test_access_given_again_killed_at_every_moment(place: Office) -> None:
    place.authorized()
    for death in range(10**6):
        if not killed(place, place.code(), death):
            break
        place.authorization().refresh()  # with the pair of before or with the new one
        assert place.kept.lost is None
    assert death > 25


def test_first_access_killed_at_every_moment(place: Office) -> None:
    works = []
    for death in range(10**6):
        file = place.file.parent.with_name(str(death)) / "main.json"
        place.file = file
        if not killed(place, place.code(), death):
            break
        try:
            works.append(bool(place.authorization()()))
        except MustAuthorize:
            works.append(False)
    assert works == sorted(works), "from some moment on it is kept"
    assert {True, False} <= set(works)


def renew_with_others(integration: Integration, file: Path, base_url: str, barrier: Any, answers: Any) -> None:
    """Find out that the access token is refused at the same moment as all others, and say which one came of it."""
    authorization = access(integration, file, base_url)
    authorization()
    barrier.wait(30)
    authorization.refresh()
    answers.put(authorization())


def at_once(place: Office, count: int) -> list[str]:
    barrier, answers = processes.Barrier(count), processes.Queue()
    arguments = (place.integration, place.file, place.emulator.url, barrier, answers)
    workers = [processes.Process(target=renew_with_others, args=arguments) for _ in range(count)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    return found


def test_four_workers_at_once_renew_once(place: Office) -> None:
    place.authorized()
    before = place.kept
    place.emulator.faults.add(effects.drip(0.01, piece=64), resource="token")
    assert at_once(place, 4) == [place.kept.pair.access_token.reveal()] * 4
    assert place.kept.pair.access_token != before.pair.access_token
    assert place.renewals == 2


def test_a_worker_that_dies_while_others_wait_holds_nobody_up(place: Office) -> None:
    place.authorized()
    dying = processes.Process(target=hold_and_die, args=(place.file,))
    dying.start()
    assert len(set(at_once(place, 2))) == 1
    dying.join()
    assert place.renewals == 2


def hold_and_die(file: Path) -> None:
    """Take the lock, begin, and be killed."""
    kept = TokenFile(file, Clocks())
    with kept.locked():
        kept.begin()
        os.kill(os.getpid(), signal.SIGKILL)
