"""Only ``reveal`` shows a secret."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.base.secret import Secret


@dataclass
class Holder:
    """What a log or a traceback may show."""

    token: Secret


def test_a_secret_is_shown_by_accident_nowhere() -> None:
    secret = Secret("canary")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", repr(Holder(secret)), str([secret])]
    assert not any("canary" in text for text in shown)
    assert secret.reveal() == "canary"


def test_secrets_are_alike_by_what_they_hold() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
