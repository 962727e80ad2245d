"""Everything that can go wrong with an answer, one small function each: it returns an ``Effect`` for ``Faults.add``.

Those that take plain arguments can be switched on by name from outside (``named``). To add one, write a function.
"""

from __future__ import annotations

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
"""Effects by name, for those who cannot pass a function."""

HTML = "text/html; charset=UTF-8"


def named(maker: EffectFactory) -> EffectFactory:
    """Let an effect be switched on by its function's name."""
    EFFECTS[maker.__name__] = maker
    return maker


# Anything at all: for what has no name here


def before_response(action: Callable[[World], object]) -> Effect:
    """Let something happen to the world before the answer is made, such as a row inserted between two pages."""
    return Effect(before_response=action)


def payload(change: Callable[[Json], Json]) -> Effect:
    """Change the JSON of an answer; ``change`` gets it fresh and may alter it."""
    return Effect(payload=change)


def items(change: Callable[[list[Json]], list[Json]]) -> Effect:
    """Change the items of a list; other answers stay."""

    def apply_change(document: Json) -> Json:
        embedded = document.get("_embedded", {})
        for name in embedded.keys() & {"statuses", "segments", "custom_fields"}:
            embedded[name] = change(embedded[name])
        return document

    return Effect(payload=apply_change)


# Statuses


@named
def status(code: int, body: str = "", content_type: str | None = None, headers: dict[str, str] | None = None) -> Effect:
    """Answer with a bare status, or one with a body."""
    return _replace_response(
        Response(status=code, content_type=content_type, body=body.encode(), headers=headers or {})
    )


@named
def error(code: int, detail: str = "Simulated error") -> Effect:
    """Answer with an error document of amoCRM's."""
    return _replace_response(problem(code, detail))


@named
def error_called_200(code: int = 500) -> Effect:
    """An error document, with status 200 and the content type of success."""
    refusal = problem(code, "Simulated error")
    return Effect(response=lambda response: replace(response, status=200, payload=refusal.payload))


@named
def html(code: int = 200, text: str = "Please log in") -> Effect:
    """A page for people."""
    return _replace_response(Response(status=code, content_type=HTML, body=_html_page(text)))


@named
def blocked() -> Effect:
    """The 403 in HTML that follows when a client goes on in spite of 429."""
    return html(403, "Your IP address has been blocked")


@named
def too_many(in_body: Json = None, in_header: str | None = None, is_html: bool = False) -> Effect:
    """429 with the wait in the body's ``retry_after``, in ``Retry-After``, in both or in neither, however absurd."""
    headers = {} if in_header is None else {"Retry-After": in_header}
    if is_html:
        return _replace_response(
            Response(status=429, content_type=HTML, body=_html_page("Too Many Requests"), headers=headers)
        )
    more = {} if in_body is None else {"retry_after": in_body}
    return _replace_response(replace(problem(429, "Request limit exceeded", **more), headers=headers))


@named
def redirect(url: str, code: int = 302) -> Effect:
    """Send the client elsewhere."""
    return _replace_response(Response(status=code, headers={"Location": url}))


@named
def no_content() -> Effect:
    """204 without a body."""
    return _replace_response(Response(status=204))


# Bodies that are not what they should be


@named
def body(text: str) -> Effect:
    """Any text as the body, the rest as usual."""
    return raw(text.encode("utf-8", "surrogatepass"))


def raw(data: bytes) -> Effect:
    """Any bytes as the body, the rest as usual."""
    return Effect(response=lambda response: replace(response, payload=None, body=data))


@named
def content_type(value: str = "text/plain") -> Effect:
    """The right body under another content type."""
    return Effect(response=lambda response: replace(response, content_type=value))


@named
def bom() -> Effect:
    """The right body after a byte order mark."""
    return _rewrite_body(lambda text: b"\xef\xbb\xbf" + text)


@named
def invalid_utf8() -> Effect:
    """Bytes inside a string that no UTF-8 has."""
    return _rewrite_body(lambda text: text.replace(b'"name":"', b'"name":"\xc3\x28\xff', 1))


@named
def trailing_comma() -> Effect:
    """A comma before the last brace, as in an example of the vendor's page."""
    return _rewrite_body(lambda text: text[:-1] + b"," + text[-1:])


@named
def literal(value: str) -> Effect:
    """A value that JSON does not have, or that overflows: NaN, Infinity, 1e400, a number of 5,000 digits."""
    return _rewrite_body(lambda text: text[:-1] + b',"odd":' + value.encode() + text[-1:])


@named
def duplicate_keys() -> Effect:
    """The first key of every object a second time, null."""
    return _rewrite_body(lambda text: text.replace(b'{"id":', b'{"id":null,"id":'))


@named
def deep(levels: int = 200_000) -> Effect:
    """Arrays inside arrays."""
    return literal("[" * levels + "]" * levels)


# Pages that do not fit together


@named
def page_number(value: int | None) -> Effect:
    """Another ``_page``, or none."""
    return _set_key("_page", value)


@named
def page_count(value: int | None) -> Effect:
    """Another ``_page_count``, or none."""
    return _set_key("_page_count", value)


@named
def totals(value: int | None) -> Effect:
    """Another ``_total_items``, or none."""
    return _set_key("_total_items", value)


@named
def no_next() -> Effect:
    """A page that does not say that there are more."""
    return Effect(payload=lambda document: _with_next_link(document, None))


@named
def next_link(url: str) -> Effect:
    """Another page, or another host, as the next one."""
    return Effect(payload=lambda document: _with_next_link(document, url))


@named
def looping_next() -> Effect:
    """A page that names itself as the next one."""
    return Effect(payload=lambda document: _with_next_link(document, document["_links"]["self"]["href"]))


@named
def one_more_page() -> Effect:
    """A last page that names a next one, which then is a 204."""

    def more(document: Json) -> Json:
        if "next" in document["_links"]:
            return document
        page = document.get("_page", 1)
        return _with_next_link(document, document["_links"]["self"]["href"].replace(f"page={page}", f"page={page + 1}"))

    return Effect(payload=more)


def repeated_thing(**changes: Json) -> Effect:
    """From the second answer on, the first item of the first one once more, with ``changes`` to it if any."""
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
    """The body breaks off: with the length announced as if it did not, or with none and a closed connection."""

    def cut(wire: WireResponse) -> WireResponse:
        headers = dict(wire.headers)
        if not is_announced:
            headers.pop("Content-Length", None)
        rest = wire.body[: int(len(wire.body) * part)]
        return replace(wire, headers=headers | {"Connection": "close"}, body=rest, end="close")

    return Effect(wire=cut)


@named
def gzip_cut_short(missing: int = 12) -> Effect:
    """A gzip stream that ends early in an answer that is whole by its length."""
    return _recompress(lambda stream: stream[:-missing])


@named
def gzip_bad_crc() -> Effect:
    """A gzip stream whose checksum is another one's."""
    return _recompress(lambda stream: stream[:-8] + bytes(byte ^ 0xFF for byte in stream[-8:-4]) + stream[-4:])


@named
def plain_called_gzip() -> Effect:
    """Plain text that claims to be gzip."""
    return Effect(
        response=lambda response: replace(response, headers=response.headers | {"Content-Encoding": "identity"}),
        wire=lambda wire: wire.with_headers(Content_Encoding="gzip"),
    )


@named
def gzip_bomb(megabytes: int = 40) -> Effect:
    """A small gzip stream that unfolds into many megabytes of JSON."""

    def bomb(wire: WireResponse) -> WireResponse:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        million = b" " * 2**20
        stream = [packer.compress(b"[")] + [packer.compress(million) for _ in range(megabytes)]
        stream += [packer.compress(b"]"), packer.flush()]
        return wire.with_body(b"".join(stream)).with_headers(Content_Encoding="gzip")

    return Effect(wire=bomb)


@named
def drip(seconds: float = 0.5, piece: int = 1, is_head_too: bool = False) -> Effect:
    """The answer comes in pieces of some bytes, with a wait before each: no single read takes long, the whole does."""
    return Effect(wire=partial(replace, pace=seconds, piece=piece, is_head_delayed=is_head_too))


@named
def silence() -> Effect:
    """The connection stays open, and nothing comes."""
    return Effect(wire=partial(replace, pace=3_600.0, is_head_delayed=True))


@named
def reset(after: int = 0) -> Effect:
    """The connection is cut (RST) after so many bytes of head and body."""
    return Effect(wire=partial(replace, sent=after, end="reset"))


@named
def hang_up(after: int = 0) -> Effect:
    """The connection is closed, with no error, after so many bytes of head and body."""
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
