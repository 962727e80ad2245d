"""The way to amoCRM over HTTP: one request out, one answer in, within a deadline. What answers mean is in ``protocol``.

Nothing that is raised here holds a request's headers.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import requests
import urllib3
from requests.auth import AuthBase

from pipelines.amocrm.decoding import BodyDecoder
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.messages import Answer, Request
from pipelines.amocrm.watchdog import Watchdog, WatchedAdapter

_HEADERS = {
    "Accept": "application/hal+json, application/problem+json, application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "amocrm-warehouse",
}
_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError)
_PIECE_BYTES = 64 * 1024


Header: TypeAlias = Callable[[str], tuple[str, str] | None]
"""Name and value of the header that shows a token."""


def bearer(token: str) -> tuple[str, str]:
    """The header of all calls of the API."""
    return "Authorization", f"Bearer {token}"


class NoAnswer(Exception):
    """No answer came. The text says why, without a full stop.

    ``is_passing``: it may help to ask again. ``is_sent``: the host may have received the request, and acted on it.
    """

    def __init__(self, why: str, *, is_passing: bool = True, is_sent: bool = True) -> None:
        super().__init__(why)
        self.is_passing = is_passing
        self.is_sent = is_sent


class Transport:
    """A connection to one host, for one thread at a time.

    ``header`` makes the header that shows the token; None shows it in none. ``ca_bundle`` is a file of certificates to
    trust instead of certifi's.
    Only requests' adapter is used, not its session: what follows redirects, reads ``.netrc`` and proxies from the
    environment and keeps cookies is not there at all.
    """

    def __init__(self, base_url: str, *, limits: Limits, header: Header = bearer, ca_bundle: str | None = None) -> None:
        self.base_url = base_url
        self._limits = limits
        self._header = header
        self._ca_bundle = ca_bundle
        self._watchdog = Watchdog()
        self._adapter = WatchedAdapter(self._watchdog)

    def send(self, request: Request, token: str, *, seconds: float) -> Answer:
        """Send ``request`` and take the answer, whole or not, within ``seconds`` all told. Raises ``NoAnswer``."""
        with self._watchdog.guarding(seconds):
            try:
                return self._exchange(request, token, seconds).without(token)
            except _ERRORS as error:
                failure = self._failure(error, seconds)
        # Raised out here, where the library's exception, which holds the request's headers, is not its context.
        raise failure

    def move(self, base_url: str) -> None:
        """Close the connection, and go on with another host."""
        self.close()
        self.base_url = base_url

    def close(self) -> None:
        """Close the connection."""
        self._watchdog.cut()
        self._adapter.close()

    def _exchange(self, request: Request, token: str, seconds: float) -> Answer:
        prepared = requests.Request(
            request.method,
            self.base_url + request.path,
            data=request.body,
            headers=_HEADERS if request.is_repeatable else _HEADERS | {"Content-Type": "application/json"},
            auth=_Credential(self._header(token)),
        ).prepare()
        with self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(self._limits.connect_seconds, seconds), min(self._limits.read_seconds, seconds)),
            verify=self._ca_bundle or True,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body, defect, is_interrupted = self._read(response.raw, headers, seconds)
        return Answer(
            status=response.status_code, headers=headers, body=body, defect=defect, is_interrupted=is_interrupted
        )

    def _read(
        self, raw: urllib3.BaseHTTPResponse, headers: Mapping[str, str], seconds: float
    ) -> tuple[bytes, str | None, bool]:
        """The body as far as it came, what is wrong with it, and whether that is the connection's doing."""
        decoder = BodyDecoder(headers.get("content-encoding", ""), self._limits.body_bytes)
        try:
            while decoder.defect is None and (piece := raw.read(_PIECE_BYTES, decode_content=False)):
                decoder.feed(piece)
        except _ERRORS as error:
            is_short = any(isinstance(cause, http.client.IncompleteRead) for cause in _causes(error))
            if is_short and not self._watchdog.has_cut:
                return decoder.body, "the body is cut short", False
            return decoder.body, str(self._failure(error, seconds)), True
        if self._watchdog.has_cut:
            return decoder.body, _late(seconds), True
        return decoder.body, decoder.defect or decoder.end(), False

    def _failure(self, error: Exception, seconds: float) -> NoAnswer:
        if self._watchdog.has_cut:
            return NoAnswer(_late(seconds))
        self._watchdog.cut()
        causes = list(_causes(error))
        is_sent = not any(isinstance(cause, _NEVER_CONNECTED) for cause in causes)
        for kind, why in _REASONS:
            for cause in causes:
                if isinstance(cause, kind):
                    detail = f" ({cause.verify_message})" if isinstance(cause, ssl.SSLCertVerificationError) else ""
                    is_passing = kind is not ssl.SSLCertVerificationError
                    return NoAnswer(why + detail, is_passing=is_passing, is_sent=is_sent)
        return NoAnswer(f"the connection failed ({type(causes[-1]).__name__})", is_sent=is_sent)


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "the host's certificate is not to be trusted"),
    (ssl.SSLError, "no secure connection could be made"),
    (socket.gaierror, "the host's name cannot be resolved"),
    (ConnectionRefusedError, "the host refuses connections"),
    (http.client.RemoteDisconnected, "the host closed the connection without an answer"),  # before its parent, the next
    (ConnectionResetError, "the host reset the connection"),
    (urllib3.exceptions.ConnectTimeoutError, "the host did not take the connection in time"),
    (urllib3.exceptions.ReadTimeoutError, "the host stopped answering"),
    (http.client.HTTPException, "the host answered something that is not HTTP"),
)

_NEVER_CONNECTED = (
    ssl.SSLCertVerificationError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)


def _late(seconds: float) -> str:
    return f"the answer was not complete after {seconds:.0f} seconds"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exceptions that urllib3 and requests wrapped into ``error``, itself first."""
    if error is None:
        return
    yield error
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


class _Credential(AuthBase):
    """Puts the token on a request at the last moment, so that nothing else of ours holds it."""

    def __init__(self, header: tuple[str, str] | None) -> None:
        self._header = header

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header is not None:
            prepared.headers[self._header[0]] = self._header[1]
        return prepared
