"""Foreign hosts: links, redirects, proxies, names, certificates. None may receive the token."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from emulator import effects
from emulator.faults import Effect
from faults.account_under_test import IMPATIENT, AccountUnderTest, account_under_test
from faults.case import EXACT, REFUSED, Case, Trial, Verdict
from faults.cases.answers import PLACES
from faults.harness import Harness
from faults.rawserver import TLS, RawServer, Script, drips, ok, sends
from pipelines.amocrm.http import Transport

PAGES: Final = ("segments, first page", "segments, middle page", "segments, last page", "fields, first page", "stages")

NO_HTTP: Final[Mapping[str, Script]] = {
    "nothing": sends(),
    "another protocol": sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "half a status line": sends(b"HTTP/1.1 20"),
    "200 headers": sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "a header of 100 kB": sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
    "a chunk of no length": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "a chunk of length -1": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}"),
    "a chunk cut short": sends(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"id'),
    "two answers in one": sends(ok(b"{}") + ok(b'{"id": 666}')),
    "an encoding nobody asked for": sends(ok(b"\x1b\x08", "Content-Encoding: br")),
    "a drip that never ends": drips(b" " * 5_000, 0.05, after=b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
}


def cases() -> Iterator[Case]:
    """Yield each way to another host."""
    for number, place in enumerate(PAGES):
        yield Case(
            name=f"hosts: next points to another host, {place}",
            wrong=f"The link to the next page names another host, at: {place}.",
            must="That host is not asked, and the token stays here.",
            play=partial(astray, place=place, make=effects.next_link),
            is_quick=number == 0,
        )
    for place in PLACES:
        for code in (301, 302, 303, 307, 308):
            yield Case(
                name=f"hosts: redirect {code} to another host, {place}",
                wrong=f"amoCRM answers {code} to another host, at: {place}.",
                must="That host is not asked, and the token stays here.",
                play=partial(astray, place=place, make=partial(effects.redirect, code=code)),
                is_quick=(place, code) in (("account", 302), ("segments, middle page", 307)),
            )
    yield Case(
        name="hosts: .netrc and proxies in the environment",
        wrong="The environment names a proxy for everything, and .netrc another login for the host.",
        must="Both are ignored.",
        play=environment,
        allowed=EXACT,
        is_quick=True,
    )
    for name, base_url in (("a name that nobody has", "https://does-not-exist.invalid"), ("nobody listens", "")):
        yield Case(
            name=f"hosts: {name}",
            wrong=f"The host: {name}.",
            must="The load is refused.",
            play=partial(elsewhere, base_url=base_url),
            allowed=REFUSED,
            is_quick=not base_url,
        )
    for number, (name, script) in enumerate(NO_HTTP.items()):
        yield Case(
            name=f"hosts: the answer is {name}",
            wrong=f"What listens there answers {name}.",
            must="The load is refused.",
            play=partial(served, script=script),
            allowed=REFUSED,
            is_quick=number % 4 == 1,
        )
    for certificate in ("self_signed", "expired", "other_name"):
        yield Case(
            name=f"hosts: TLS, {certificate.replace('_', ' ')}",
            wrong=f"The host's certificate is {certificate.replace('_', ' ')}.",
            must="Not a byte of a request is sent.",
            play=partial(served, script=sends(ok(b"{}")), certificate=f"{certificate}.pem"),
            allowed=REFUSED,
            is_quick=certificate == "expired",
        )


def astray(harness: Harness, *, place: str, make: Callable[[str], Effect]) -> Iterator[Trial]:
    """Load through responses that name another host, once and always."""
    at = PLACES[place]
    for where in (at.where | {"times": 1}, at.where):
        with account_under_test(harness, at.mode) as account:
            effect = make(f"{harness.foreign_host.url}/api/v4/customers/segments?page=2&limit=250")
            yield account.load_and_recover(account.emulator.faults.during(effect, **where))


def environment(harness: Harness) -> Iterator[Trial]:
    """Load with proxies and a login in the environment."""
    with account_under_test(harness) as account:
        netrc = account.settings.data_dir / "netrc"
        netrc.parent.mkdir(exist_ok=True)
        netrc.write_text("machine 127.0.0.1 login somebody password canary\n", encoding="utf-8")
        netrc.chmod(0o600)
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), harness.foreign_host.url)
        yield account.load_and_recover(patch.dict(os.environ, {"NETRC": str(netrc), **proxies}))


def elsewhere(harness: Harness, *, base_url: str) -> Iterator[Trial]:
    """Load from an address without a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with account_under_test(harness) as account:
        yield _asked_there(account, base_url or free)


def served(harness: Harness, *, script: Script, certificate: str | None = None) -> Iterator[Trial]:
    """Load from a server that is not amoCRM."""
    with (
        account_under_test(harness) as account,
        RawServer(script=script, certificate=certificate) as server,
        _trusting(certificate),
    ):
        trial = _asked_there(account, server.url)
        was_told = certificate is not None and server.received
        yield replace(trial, verdict=Verdict.LEAK, why="a request was sent") if was_told else trial


def _asked_there(account: AccountUnderTest, base_url: str) -> Trial:
    with patch.object(account, "account", replace(account.account, base_url=base_url)):
        before = account.contents()
        trial = account.judge(account.load(limits=IMPATIENT), before)
    return account.recover(trial)


@contextmanager
def _trusting(certificate: str | None) -> Iterator[None]:
    """Trust the test authority if there is a certificate."""
    begin = Transport.__init__

    def begin_trusting(self: Transport, *args: Any, **options: Any) -> None:
        begin(self, *args, **(options | {"ca_bundle": str(TLS / "ca.pem")}))

    with patch.object(Transport, "__init__", begin_trusting) if certificate else nullcontext():
        yield
