"""ASGI middleware that lets through only what ``rules`` and ``session`` allow, for HTTP and websockets alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.web.rules import OwnNames, WebRequest, refusal
from assets.web.session import Sessions

POLICY_VIOLATION: Final = 1008  # the code of a websocket that is closed for what it is

HEADERS: Final = {
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""No other website may show the UI in a frame, where clicks would be the user's own, or read from it."""

LOGIN_NEEDED: Final = (
    "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Dagster: log in</title>"
    "<h1>Log in</h1>"
    "<p>Open the login address that <code>./run dev</code> has printed, or the log of the web server. It works once; "
    "this browser is then logged in until the server ends. Start the server again for another address.</p></html>"
)


class Guard:
    """Refuses requests before Dagster sees them."""

    def __init__(self, app: ASGIApp, *, names: OwnNames, sessions: Sessions) -> None:
        self._app = app
        self._names = names
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand over to Dagster."""
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
        """The response in place of Dagster's; None for a request that may pass."""
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
    """What the rules look at, of an ASGI scope."""
    return WebRequest(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=list(decoded(scope["headers"])),
        is_websocket=scope["type"] == "websocket",
    )


def decoded(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """Header names in lower case, and values."""
    return ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def with_headers(send: Send) -> Send:
    """Send with the headers that keep other websites out; Dagster's own policy for its scripts stays beside ours."""

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
