"""Effects of faults: one function per effect, which returns an ``Effect`` for ``Faults.add``.

Those with plain arguments can also be added by name over HTTP (``named``).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from emulator.entities import Json
from emulator.faults import Effect
from emulator.messages import Response, problem
from emulator.wire_response import WireResponse
from emulator.world import World

EffectFactory = TypeVar("EffectFactory", bound=Callable[..., Effect])

EFFECTS: dict[str, Callable[..., Effect]] = {}
"""Effects by name, for faults that are added over HTTP."""

HTML = "text/html; charset=UTF-8"


def named(maker: EffectFactory) -> EffectFactory:
    """Register an effect under its function's name."""
    EFFECTS[maker.__name__] = maker
    return maker


# Custom effects


def before_response(action: Callable[[World], object]) -> Effect:
    """Change the world before the response is made, for example insert a row between two pages."""
    return Effect(before_response=action)


def payload(change: Callable[[Json], Json]) -> Effect:
    """Change the JSON of a response; ``change`` gets a copy, which it may modify."""
    return Effect(payload=change)


def items(change: Callable[[list[Json]], list[Json]]) -> Effect:
    """Change the items of lists; other responses stay as they are."""

    def apply_change(document: Json) -> Json:
        embedded = document.get("_embedded", {})
        for name in embedded.keys() & {"statuses", "segments", "custom_fields", "customers", "events"}:
            embedded[name] = change(embedded[name])
        return document

    return Effect(payload=apply_change)


@named
def numbered_lists() -> Effect:
    """Write every list below the rows, and the rows themselves, as PHP writes an array with holes: ``{"1": a}``."""

    def numbered(value: Json) -> Json:
        if isinstance(value, dict):
            return {key: numbered(item) for key, item in value.items()}
        if isinstance(value, list):
            return {str(number): numbered(item) for number, item in enumerate(value, 1)}
        return value

    return Effect(payload=lambda document: document | {"_embedded": numbered(document.get("_embedded", {}))})


# Statuses


@named
def status(code: int, body: str = "", content_type: str | None = None, headers: dict[str, str] | None = None) -> Effect:
    """Respond with a status, with or without a body."""
    return _replace_response(
        Response(status=code, content_type=content_type, body=body.encode(), headers=headers or {})
    )


@named
def success_status(code: int = 201, has_body: bool = True) -> Effect:
    """Respond to a write that succeeded with another 2xx, with the same body or without one."""

    def change(response: Response) -> Response:
        if not 200 <= response.status < 300:
            return response
        body = {"result": True} if response.status == 204 else response.payload
        return replace(response, status=code, payload=body if has_body else None)

    return Effect(response=change)


@named
def error(code: int, detail: str = "Simulated error") -> Effect:
    """Respond with an error document like amoCRM's."""
    return _replace_response(problem(code, detail))


@named
def error_called_200(code: int = 500) -> Effect:
    """Respond with an error document, but status 200 and the content type of success."""
    refusal = problem(code, "Simulated error")
    return Effect(response=lambda response: replace(response, status=200, payload=refusal.payload))


@named
def html(code: int = 200, text: str = "Please log in") -> Effect:
    """Respond with an HTML page."""
    return _replace_response(Response(status=code, content_type=HTML, body=_html_page(text)))


@named
def blocked() -> Effect:
    """Respond with the 403 in HTML that clients get if they ignore 429s."""
    return html(403, "Your IP address has been blocked")


@named
def too_many(in_body: Json = None, in_header: str | None = None, is_html: bool = False) -> Effect:
    """Respond with 429, with any wait in the body's ``retry_after``, in ``Retry-After``, in both or in neither."""
    headers = {} if in_header is None else {"Retry-After": in_header}
    if is_html:
        return _replace_response(
            Response(status=429, content_type=HTML, body=_html_page("Too Many Requests"), headers=headers)
        )
    more = {} if in_body is None else {"retry_after": in_body}
    return _replace_response(replace(problem(429, "Request limit exceeded", **more), headers=headers))


@named
def redirect(url: str, code: int = 302) -> Effect:
    """Redirect the client."""
    return _replace_response(Response(status=code, headers={"Location": url}))


@named
def headers(values: dict[str, str]) -> Effect:
    """Add headers to the response, or replace its own."""
    return Effect(wire=lambda wire: replace(wire, headers=wire.headers | values))


@named
def no_content() -> Effect:
    """Respond with 204 without a body."""
    return _replace_response(Response(status=204))


# Invalid bodies


@named
def body(text: str) -> Effect:
    """Replace the body with a text."""
    return raw(text.encode("utf-8", "surrogatepass"))


def raw(data: bytes) -> Effect:
    """Replace the body with bytes."""
    return Effect(response=lambda response: replace(response, payload=None, body=data))


@named
def content_type(value: str = "text/plain") -> Effect:
    """Send the body with another content type."""
    return Effect(response=lambda response: replace(response, content_type=value))


@named
def bom() -> Effect:
    """Put a byte order mark before the body."""
    return _rewrite_body(lambda text: b"\xef\xbb\xbf" + text)


@named
def invalid_utf8() -> Effect:
    """Put bytes that are invalid UTF-8 into a string."""
    return _rewrite_body(lambda text: text.replace(b'"name":"', b'"name":"\xc3\x28\xff', 1))


@named
def trailing_comma() -> Effect:
    """Put a comma before the last brace, as in an example of the vendor's page."""
    return _rewrite_body(lambda text: text[:-1] + b"," + text[-1:])


@named
def literal(value: str) -> Effect:
    """Add a value that is not JSON or that overflows: NaN, Infinity, 1e400, a number of 5,000 digits."""
    return _rewrite_body(lambda text: text[:-1] + b',"odd":' + value.encode() + text[-1:])


@named
def duplicate_keys() -> Effect:
    """Repeat the first key of every object, with the value null."""
    return _rewrite_body(lambda text: text.replace(b'{"id":', b'{"id":null,"id":'))


@named
def deep(levels: int = 200_000) -> Effect:
    """Add deeply nested arrays."""
    return literal("[" * levels + "]" * levels)


# Inconsistent pages


@named
def page_number(value: int | None) -> Effect:
    """Replace or remove ``_page``."""
    return _set_key("_page", value)


@named
def page_count(value: int | None) -> Effect:
    """Replace or remove ``_page_count``."""
    return _set_key("_page_count", value)


@named
def totals(value: int | None) -> Effect:
    """Replace or remove ``_total_items``."""
    return _set_key("_total_items", value)


@named
def no_next() -> Effect:
    """Remove the link to the next page."""
    return Effect(payload=lambda document: _with_next_link(document, None))


@named
def next_link(url: str) -> Effect:
    """Replace the link to the next page, for example with another host."""
    return Effect(payload=lambda document: _with_next_link(document, url))


@named
def looping_next() -> Effect:
    """Link each page to itself as the next one."""
    return Effect(payload=lambda document: _with_next_link(document, document["_links"]["self"]["href"]))


@named
def one_more_page() -> Effect:
    """Link the last page to a next one, which responds with 204."""

    def more(document: Json) -> Json:
        if "next" in document["_links"]:
            return document
        page = document.get("_page", 1)
        return _with_next_link(document, document["_links"]["self"]["href"].replace(f"page={page}", f"page={page + 1}"))

    return Effect(payload=more)


def repeated_thing(**changes: Json) -> Effect:
    """Repeat the first item of the first response in all later ones, with ``changes`` to it."""
    first: list[Json] = []

    def repeat(shown: list[Json]) -> list[Json]:
        if not first:
            first.append(shown[0])
            return shown
        return [*shown, first[0] | changes]

    return items(repeat)


# Compression and transport


@named
def truncated(part: float = 0.5, is_announced: bool = True) -> Effect:
    """Truncate the body, with the full length announced, or without a length and with a closed connection."""

    def cut(wire: WireResponse) -> WireResponse:
        headers = dict(wire.headers)
        if not is_announced:
            headers.pop("Content-Length", None)
        rest = wire.body[: int(len(wire.body) * part)]
        return replace(wire, headers=headers | {"Connection": "close"}, body=rest, end="close")

    return Effect(wire=cut)


@named
def gzip_cut_short(missing: int = 12) -> Effect:
    """Truncate the gzip stream, with a Content-Length that matches."""
    return _recompress(lambda stream: stream[:-missing])


@named
def gzip_bad_crc() -> Effect:
    """Send a gzip stream with a wrong checksum."""
    return _recompress(lambda stream: stream[:-8] + bytes(byte ^ 0xFF for byte in stream[-8:-4]) + stream[-4:])


@named
def gzip_members() -> Effect:
    """Send the body as a gzip stream of several members, which is legal (RFC 1952, 2.2)."""

    def split(wire: WireResponse) -> WireResponse:
        half = len(wire.body) // 2
        parts = (wire.body[:half], b"", wire.body[half:])
        return wire.with_body(b"".join(map(gzip.compress, parts))).with_headers(Content_Encoding="gzip")

    return Effect(
        response=lambda response: replace(response, headers=response.headers | {"Content-Encoding": "identity"}),
        wire=split,
    )


@named
def plain_called_gzip() -> Effect:
    """Send plain text with ``Content-Encoding: gzip``."""
    return Effect(
        response=lambda response: replace(response, headers=response.headers | {"Content-Encoding": "identity"}),
        wire=lambda wire: wire.with_headers(Content_Encoding="gzip"),
    )


@named
def gzip_bomb(megabytes: int = 40) -> Effect:
    """Send a small gzip stream that expands to many megabytes of JSON."""

    def bomb(wire: WireResponse) -> WireResponse:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        million = b" " * 2**20
        stream = [packer.compress(b"[")] + [packer.compress(million) for _ in range(megabytes)]
        stream += [packer.compress(b"]"), packer.flush()]
        return wire.with_body(b"".join(stream)).with_headers(Content_Encoding="gzip")

    return Effect(wire=bomb)


@named
def drip(seconds: float = 0.5, piece: int = 1, is_head_too: bool = False) -> Effect:
    """Send the response in small pieces with a wait before each: every read is quick, the whole response is slow."""
    return Effect(wire=partial(replace, piece_seconds=seconds, piece=piece, is_head_delayed=is_head_too))


@named
def silence() -> Effect:
    """Keep the connection open and send nothing."""
    return Effect(wire=partial(replace, piece_seconds=3_600.0, is_head_delayed=True))


@named
def reset(after: int = 0) -> Effect:
    """Reset the connection (RST) after ``after`` bytes of head and body."""
    return Effect(wire=partial(replace, sent=after, end="reset"))


@named
def hang_up(after: int = 0) -> Effect:
    """Close the connection without an error after ``after`` bytes of head and body."""
    return Effect(wire=partial(replace, sent=after, end="close"))


def _replace_response(response: Response) -> Effect:
    return Effect(response=lambda _: response)


def _rewrite_body(change: Callable[[bytes], bytes]) -> Effect:
    return Effect(response=lambda response: replace(response, payload=None, body=change(response.encoded())))


def _recompress(change: Callable[[bytes], bytes]) -> Effect:
    def apply_change(wire: WireResponse) -> WireResponse:
        compressed = wire.compressed()
        return compressed.with_body(change(compressed.body))

    return Effect(wire=apply_change)


def _set_key(key: str, value: Json) -> Effect:
    def apply_change(document: Json) -> Json:
        rest = {name: one for name, one in document.items() if name != key}
        return rest if value is None else rest | {key: value}

    return Effect(payload=apply_change)


def _with_next_link(document: Json, next_url: str | None) -> Json:
    links = {name: link for name, link in document["_links"].items() if name != "next"}
    return document | {"_links": links if next_url is None else links | {"next": {"href": next_url}}}


def _html_page(text: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>amoCRM</title></head><body><h1>{text}</h1></body></html>".encode()
