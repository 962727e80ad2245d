"""HTTP transport: sends one request and returns one response within a deadline.

Exceptions raised here never hold a request's headers.
"""

from __future__ import annotations

import http.client
import logging
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

# Its debug lines name the path of each request, and thereby customers.
logging.getLogger("urllib3").setLevel(logging.INFO)

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
    ValueError,  # of urllib3: a chunk size or a length that is no number
    OverflowError,
)
_CHUNK_BYTES = 64 * 1024


HeaderFactory: TypeAlias = Callable[[str], tuple[str, str] | None]
"""Name and value of the header that carries a token; None for no header."""


def bearer_header(token: str) -> tuple[str, str]:
    """Return the Authorization header of API requests."""
    return "Authorization", f"Bearer {token}"


class NoResponse(Exception):
    """No response arrived. The text is the reason, without a full stop.

    ``is_transient``: a retry may succeed. ``is_sent``: the host may have received and processed the
    request.
    """

    def __init__(self, reason: str, *, is_transient: bool = True, is_sent: bool = True) -> None:
        super().__init__(reason)
        self.is_transient = is_transient
        self.is_sent = is_sent


class Transport:
    """Connection to one host. Not thread-safe.

    ``header`` builds the header that carries the token. ``ca_bundle`` is a file of certificates to
    trust instead of certifi's. Only requests' adapter is used, not its session: redirects,
    ``.netrc``, proxies from the environment and cookies do not exist here.
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
        """Send ``request`` and read the response within ``seconds`` in total.

        Raises ``NoResponse``.
        """
        with self._watchdog.time_limit(seconds):
            try:
                return self._exchange(request, token, seconds).redacted(token)
            except _NETWORK_ERRORS as error:
                failure = self._to_no_response(error, seconds)
        # Raised outside of ``except``: the library's exception holds the request's headers.
        raise failure

    def switch_host(self, base_url: str) -> None:
        """Close the connection and use another host."""
        self.close()
        self.base_url = base_url

    def close(self) -> None:
        """Close the connection."""
        self._watchdog.disconnect()
        self._adapter.close()

    def _exchange(self, request: Request, token: str, seconds: float) -> Response:
        """Send the request with requests' adapter and read the response."""
        prepared = requests.Request(
            request.method,
            self.base_url + request.path,
            data=request.body,
            headers=_HEADERS if request.is_read else _HEADERS | {"Content-Type": "application/json"},
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
        """Read the body; return it, its defect if any, and whether the connection caused the defect."""
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
        """Map an exception to ``NoResponse`` with a reason for the user."""
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
    (ssl.SSLCertVerificationError, "the host's certificate is not trusted"),
    (ssl.SSLError, "no secure connection could be established"),
    (socket.gaierror, "the host's name cannot be resolved"),
    (ConnectionRefusedError, "the host refuses connections"),
    (http.client.RemoteDisconnected, "the host closed the connection without a response"),  # a subclass of the next
    (ConnectionResetError, "the host reset the connection"),
    (urllib3.exceptions.ConnectTimeoutError, "the host did not accept the connection in time"),
    (urllib3.exceptions.ReadTimeoutError, "the host stopped responding"),
    (http.client.HTTPException, "the host sent something that is not HTTP"),
)

_CONNECT_ERRORS = (
    ssl.SSLCertVerificationError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)


def _timeout_message(seconds: float) -> str:
    return f"the response was not complete after {seconds:.0f} seconds"


def _exception_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that urllib3 and requests wrapped into it."""
    if error is None:
        return
    yield error
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(inner, BaseException):
            yield from _exception_chain(inner)


class _TokenAuth(AuthBase):
    """Set the token's header at the last moment, so that no other object of ours holds it."""

    def __init__(self, header: tuple[str, str] | None) -> None:
        self._header = header

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header is not None:
            prepared.headers[self._header[0]] = self._header[1]
        return prepared
