"""The way to amoCRM over HTTP: one request out, one answer in, within a deadline.

What answers mean is in ``protocol``. Nothing that is raised here holds a request's headers.
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

from pipelines.amocrm.body_decoder import BodyDecoder
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.messages import Request, Response
from pipelines.amocrm.watchdog import Watchdog, WatchedAdapter

_HEADERS = {
    "Accept": "application/hal+json, application/problem+json, application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "amocrm-warehouse",
}
_NETWORK_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)
_CHUNK_BYTES = 64 * 1024


HeaderFactory: TypeAlias = Callable[[str], tuple[str, str] | None]
"""Name and value of the header that shows a token."""


def bearer_header(token: str) -> tuple[str, str]:
    """The header of all calls of the API."""
    return "Authorization", f"Bearer {token}"


class NoResponse(Exception):
    """No answer came. The text says why, without a full stop.

    ``is_passing``: it may help to ask again. ``is_sent``: the host may have received the request, and acted on it.
    """

    def __init__(self, reason: str, *, is_transient: bool = True, is_sent: bool = True) -> None:
        super().__init__(reason)
        self.is_transient = is_transient
        self.is_sent = is_sent


class Transport:
    """A connection to one host, for one thread at a time.

    ``header`` makes the header that shows the token; None shows it in none. ``ca_bundle`` is a file of certificates to
    trust instead of certifi's.
    Only requests' adapter is used, not its session: what follows redirects, reads ``.netrc`` and proxies from the
    environment and keeps cookies is not there at all.
    """

    def __init__(
        self, base_url: str, *, limits: Limits, header: HeaderFactory = bearer_header, ca_bundle: str | None = None
    ) -> None:
        self.base_url = base_url
        self._limits = limits
        self._header = header
        self._ca_bundle = ca_bundle
        self._watchdog = Watchdog()
        self._adapter = WatchedAdapter(self._watchdog)

    def send(self, request: Request, token: str, *, seconds: float) -> Response:
        """Send ``request`` and take the answer, whole or not, within ``seconds`` all told.

        Raises ``NoAnswer``.
        """
        with self._watchdog.time_limit(seconds):
            try:
                return self._exchange(request, token, seconds).redacted(token)
            except _NETWORK_ERRORS as error:
                failure = self._to_no_response(error, seconds)
        # Raised out here, where the library's exception, which holds the request's headers, is not its context.
        raise failure

    def switch_host(self, base_url: str) -> None:
        """Close the connection, and go on with another host."""
        self.close()
        self.base_url = base_url

    def close(self) -> None:
        """Close the connection."""
        self._watchdog.disconnect()
        self._adapter.close()

    def _exchange(self, request: Request, token: str, seconds: float) -> Response:
        prepared = requests.Request(
            request.method,
            self.base_url + request.path,
            data=request.body,
            headers=_HEADERS if request.is_retryable else _HEADERS | {"Content-Type": "application/json"},
            auth=_TokenAuth(self._header(token)),
        ).prepare()
        with self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(self._limits.connect_seconds, seconds), min(self._limits.read_seconds, seconds)),
            verify=self._ca_bundle or True,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body, defect, is_interrupted = self._read_body(response.raw, headers, seconds)
        return Response(
            status=response.status_code, headers=headers, body=body, defect=defect, is_interrupted=is_interrupted
        )

    def _read_body(
        self, raw: urllib3.BaseHTTPResponse, headers: Mapping[str, str], seconds: float
    ) -> tuple[bytes, str | None, bool]:
        """The body as far as it came, what is wrong with it, and whether that is the connection's doing."""
        decoder = BodyDecoder(headers.get("content-encoding", ""), self._limits.body_bytes)
        try:
            while decoder.defect is None and (chunk := raw.read(_CHUNK_BYTES, decode_content=False)):
                decoder.feed(chunk)
        except _NETWORK_ERRORS as error:
            is_truncated = any(isinstance(cause, http.client.IncompleteRead) for cause in _exception_chain(error))
            if is_truncated and not self._watchdog.has_timed_out:
                return decoder.body, "the body is cut short", False
            return decoder.body, str(self._to_no_response(error, seconds)), True
        if self._watchdog.has_timed_out:
            return decoder.body, _timeout_message(seconds), True
        return decoder.body, decoder.defect or decoder.finish(), False

    def _to_no_response(self, error: Exception, seconds: float) -> NoResponse:
        if self._watchdog.has_timed_out:
            return NoResponse(_timeout_message(seconds))
        self._watchdog.disconnect()
        causes = list(_exception_chain(error))
        is_sent = not any(isinstance(cause, _CONNECT_ERRORS) for cause in causes)
        for error_type, reason in _ERROR_REASONS:
            for cause in causes:
                if isinstance(cause, error_type):
                    detail = f" ({cause.verify_message})" if isinstance(cause, ssl.SSLCertVerificationError) else ""
                    is_transient = error_type is not ssl.SSLCertVerificationError
                    return NoResponse(reason + detail, is_transient=is_transient, is_sent=is_sent)
        return NoResponse(f"the connection failed ({type(causes[-1]).__name__})", is_sent=is_sent)


_ERROR_REASONS: tuple[tuple[type[BaseException], str], ...] = (
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

_CONNECT_ERRORS = (
    ssl.SSLCertVerificationError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)


def _timeout_message(seconds: float) -> str:
    return f"the answer was not complete after {seconds:.0f} seconds"


def _exception_chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exceptions that urllib3 and requests wrapped into ``error``, itself first."""
    if error is None:
        return
    yield error
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(inner, BaseException):
            yield from _exception_chain(inner)


class _TokenAuth(AuthBase):
    """Puts the token on a request at the last moment, so that nothing else of ours holds it."""

    def __init__(self, header: tuple[str, str] | None) -> None:
        self._header = header

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header is not None:
            prepared.headers[self._header[0]] = self._header[1]
        return prepared
