"""A token echoed in a response is masked in every form."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from pipelines.amocrm.messages import MIN_SECRET_LENGTH, Response

SECRET = "eyJ0eXAiOiJKV1Qi/+=.canary.0123456789"

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "its first half": lambda secret: secret[: len(secret) // 2],
    "URL-encoded": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "base64 after a letter": lambda secret: b64encode(f"x{secret}".encode()).decode(),
    "base64 after Bearer": lambda secret: b64encode(f"Bearer {secret}".encode()).decode(),
    "base64 of URLs": lambda secret: urlsafe_b64encode(f"??{secret}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_secret_is_left(form: str) -> None:
    repeated = FORMS[form](SECRET)
    response = Response(status=401, headers={"x-request-id": f"a {repeated} b"}, body=f'"{repeated}", c'.encode())
    found = response.redacted(SECRET)
    tail = repeated[-6:]
    assert tail not in found.headers["x-request-id"]
    assert tail.encode() not in found.body
    assert found.headers["x-request-id"].startswith("a ")
    assert found.headers["x-request-id"].endswith("*** b")
    assert found.body.endswith(b'***", c')


def test_an_answer_that_repeats_nothing_is_the_same() -> None:
    response = Response(status=200, headers={"date": "today"}, body=b"{}")
    assert response.redacted(SECRET) is response


def test_very_short_values_are_not_masked() -> None:
    response = Response(status=200, headers={}, body=b"a word in a text")
    assert response.redacted("word".ljust(MIN_SECRET_LENGTH - 1)) is response
