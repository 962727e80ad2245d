"""Hosts that may receive a token."""

from __future__ import annotations

import pytest

from pipelines.base.errors import SettingsError
from pipelines.config.host import parse_host


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("example.amocrm.ru", "https://example.amocrm.ru"),
        ("https://example.kommo.com", "https://example.kommo.com"),
        ("https://Example.AMOCRM.com/", "https://example.amocrm.com"),
        (" my-shop-2.amocrm.ru\n", "https://my-shop-2.amocrm.ru"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.0.3:1/", "http://127.8.0.3:1"),
        ("localhost:65535", "http://localhost:65535"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_host_of_an_account_or_of_this_machine_is_accepted(text: str, base_url: str) -> None:
    assert parse_host(text) == base_url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example",
        "amocrm.ru",
        "https://amocrm.ru",
        "a.b.amocrm.ru",
        "-a.amocrm.ru",
        "a-.amocrm.ru",
        f"{'a' * 64}.amocrm.ru",
        "example.amocrm.ru.evil.com",
        "example.amocrm.ru@evil.com",
        "https://user:secret@example.amocrm.ru",
        "evil.com/example.amocrm.ru",
        "evil.com#.amocrm.ru",
        "evilamocrm.ru",
        "example.amocrm.ru.",
        "example.amocrm.ru\nevil.com",
        "exаmple.amocrm.ru",  # a Cyrillic letter
        "example.amocrm.com.ru",
        "example.amocrm-ru",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:٨٠",  # Arabic digits
        "127.0.0.256:80",
        "127.0.0.010:80",
        "127.1:80",
        "128.0.0.1:80",
        "10.0.0.1:80",
        "0.0.0.0:80",
        "https://127.0.0.1:8080",
        "[::2]:80",
        "[::ffff:127.0.0.1]:80",
        "localhost.evil.com:80",
    ],
)
def test_any_other_host_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="not an amoCRM account") as caught:
        parse_host(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://Example.amocrm.ru/settings/",
        "example.amocrm.ru/leads/pipeline/?filter=1",
        "http://example.amocrm.ru",
        "ftp://example.amocrm.ru",
        "example.amocrm.ru:443",
        "example.amocrm.ru?x=secret",
        "https://example.amocrm.ru:secret@evil.com",
    ],
)
def test_only_the_host_of_a_pasted_url_is_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_host(text)
    assert str(caught.value) == "There is more than a host name. Write the host alone: example.amocrm.ru."


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("Example.amo.ru", True),
        ("https://crm.example.com:8443/", True),
        ("eyJ0eXAiOiJKV1QiLCJhbGci.eyJhdWQiOiIwYTFiMmMzZCJ9.c2VjcmV0LXNlY3JldC1zZWNyZXQtc2Vj", False),
        ("def50200a1b2c3d4e5f60718", False),
        ("user:pass@example.com", False),
        ("example.com?token=x", False),
        ("a." * 40 + "com", False),
    ],
)
def test_a_wrong_host_is_shown_unless_it_may_be_a_secret(text: str, *, is_shown: bool) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_host(text)
    assert (text.lower() in str(caught.value)) == is_shown
