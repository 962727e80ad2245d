"""ASGI middleware that enforces ``rules`` and ``session`` for HTTP and websockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.web.rules import OwnNames, WebRequest, refusal
from assets.web.session import Sessions

POLICY_VIOLATION: Final = 1008  # websocket close code (RFC 6455, 7.4.1)

HEADERS: Final = {
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Headers that keep other websites from showing the UI in a frame (clickjacking) and from reading its responses."""

LOGIN_NEEDED: Final = (
    "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Dagster: log in</title>"
    "<h1>Log in</h1>"
    "<p>Open the login address that <code>./run dev</code> printed, or that is in the web server's log. It works once; "
    "this browser is then logged in until the server stops. Restart the server for another address.</p></html>"
)


class Guard:
    """Refuses requests before Dagster sees them."""

    def __init__(self, app: ASGIApp, *, names: OwnNames, sessions: Sessions) -> None:
        self._app = app
        self._names = names
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it to Dagster."""
        if scope["type"] not in ("http", "websocket"):  # lifespan
            await self._app(scope, receive, send)
            return
        request = request_of(scope)
        response = self._response_to(request, is_encrypted=scope.get("scheme") == "https")
        if response is None:
            await self._app(scope, receive, with_headers(send))
        elif request.is_websocket:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await response(scope, receive, with_headers(send))

    def _response_to(self, request: WebRequest, *, is_encrypted: bool) -> Response | None:
        """Return a refusal or the login's redirect; None for a request that may pass."""
        reason = refusal(request, self._names)
        if reason:
            return PlainTextResponse(f"{reason}\n", status_code=403)
        sessions = self._sessions
        if sessions.is_login(request) and sessions.log_in(request):
            return RedirectResponse(
                f"{sessions.path_prefix}/",
                status_code=303,
                headers={
                    "Set-Cookie": sessions.cookie + ("; Secure" if is_encrypted else ""),
                    "Cache-Control": "no-store",
                },
            )
        if sessions.may_pass(request):
            return None
        if "text/html" in (request.one("accept") or ""):
            return HTMLResponse(LOGIN_NEEDED, status_code=401, headers={"Cache-Control": "no-store"})
        return PlainTextResponse("Log in first, or send 'Authorization: Bearer SECRET'.\n", status_code=401)


def request_of(scope: Scope) -> WebRequest:
    """Extract from an ASGI scope what the rules read."""
    return WebRequest(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=list(decoded(scope["headers"])),
        is_websocket=scope["type"] == "websocket",
    )


def decoded(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """Decode headers; names become lower case."""
    return ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def with_headers(send: Send) -> Send:
    """Add ``HEADERS`` to responses. Dagster's own Content-Security-Policy is kept beside ours."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                if name == "Content-Security-Policy":
                    headers.append(name, value)
                else:
                    headers[name] = value
        await send(message)

    return sending
