"""Faults of amoCRM's responses, once and always, at each resource and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from emulator import effects
from emulator.entities import Mode
from emulator.faults import Effect, RequestFilter
from faults.account_under_test import IMPATIENT, account_under_test
from faults.case import HELD, Case, Trial, Wire
from faults.harness import Harness

Make = Callable[[], Effect]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Requests that a fault matches, and the account's mode."""

    where: RequestFilter
    mode: Mode = "segments"


PLACES: Final[Mapping[str, Place]] = {
    "account": Place(where={"resource": "account"}),
    "segments, first page": Place(where={"resource": "segments", "page": 1}),
    "segments, middle page": Place(where={"resource": "segments", "page": 2}),
    "segments, last page": Place(where={"resource": "segments", "page": 3}),
    "fields, first page": Place(where={"resource": "fields", "page": 1}),
    "fields, last page": Place(where={"resource": "fields", "page": 2}),
    "segment by id": Place(where={"resource": "segment"}),
    "field by id": Place(where={"resource": "field"}),
    "stages": Place(where={"resource": "stages"}, mode="periodicity"),
    "stage by id": Place(where={"resource": "stage"}, mode="periodicity"),
}
LISTS: Final = tuple(name for name in PLACES if "page" in name or name == "stages")
PAGES: Final = tuple(name for name in PLACES if "page" in name)

STATUSES: Final[Mapping[str, Make]] = {
    **{f"{code}": partial(effects.error, code) for code in (400, 401, 402, 403, 404, 422, 500, 503)},
    "405": partial(effects.status, 405),
    "502 in HTML": partial(effects.html, 502, "Bad Gateway"),
    "503 with Retry-After": partial(effects.status, 503, headers={"Retry-After": "7"}),
    "504 without a body": partial(effects.status, 504),
    "403 in HTML": effects.blocked,
    "404 in HTML": partial(effects.html, 404, "Not Found"),
    "429 with a wait in the body": partial(effects.too_many, 30),
    "429 with a wait in the header": partial(effects.too_many, in_header="30"),
    "429 with both": partial(effects.too_many, 30, "20"),
    "429 without a wait": effects.too_many,
    "429 in HTML": partial(effects.too_many, is_html=True),
    "429 with nonsense": partial(effects.too_many, "soon", "-5"),
    "429 with an absurd wait": partial(effects.too_many, 10**30),
    "429 with an absurd header": partial(effects.too_many, in_header="9" * 400),
}

EMPTY: Final[Mapping[str, Make]] = {
    "200 with []": partial(effects.body, "[]"),
    "200 with {}": partial(effects.body, "{}"),
    "200 with null": partial(effects.body, "null"),
    "200 without a body": partial(effects.body, ""),
    "200 with an empty list": partial(effects.items, lambda _: []),
    "204": effects.no_content,
    "an error document with 200": effects.error_called_200,
}

BODIES: Final[Mapping[str, Make]] = {
    "HTML with 200": effects.html,
    "another content type": effects.content_type,
    "truncated, its length announced": effects.truncated,
    "truncated, no length": partial(effects.truncated, is_announced=False),
    "gzip cut short": effects.gzip_cut_short,
    "gzip with a bad checksum": effects.gzip_bad_crc,
    "plain text called gzip": effects.plain_called_gzip,
    "gzip of several members": effects.gzip_members,
    "a bomb of 40 MB": effects.gzip_bomb,
    "invalid UTF-8": partial(effects.raw, b'{"name":"\xc3\x28\xff"}'),
    "invalid UTF-8 in a name": effects.invalid_utf8,
    "a byte order mark": effects.bom,
    "a trailing comma": effects.trailing_comma,
    "NaN": partial(effects.literal, "NaN"),
    "-Infinity": partial(effects.literal, "-Infinity"),
    "1e400": partial(effects.literal, "1e400"),
    "a number of 5,000 digits": partial(effects.literal, "7" * 5_000),
    "NUL and half a pair": partial(effects.literal, '"\\u0000\\ud800"'),
    "duplicate keys": effects.duplicate_keys,
    "depth of 200,000": effects.deep,
}

TRANSPORT: Final[Mapping[str, Make]] = {
    "reset before the answer": effects.reset,
    "reset in the head": partial(effects.reset, 40),
    "reset in the body": partial(effects.reset, 300),
    "closed before the answer": effects.hang_up,
    "closed in the head": partial(effects.hang_up, 40),
    "closed in the body": partial(effects.hang_up, 300),
    "a redirect": partial(effects.redirect, "/api/v4/other"),
    "a date of the year 99999999999": partial(effects.headers, {"Date": "Thu, 01 Jan 99999999999 00:00:00 GMT"}),
    "a date with an absurd offset": partial(effects.headers, {"Date": f"Thu, 01 Jan 2026 00:00:00 +{'9' * 14}"}),
    "a content type of rubbish": partial(effects.headers, {"Content-Type": "\x00\x01;;=json"}),
    "two lengths": partial(effects.status, 200, headers={"Content-Length": "5, 7"}),
}

SLOW: Final[Mapping[str, Make]] = {
    "silence": effects.silence,
    "a slow drip of the body": partial(effects.drip, 0.05),
    "a slow drip of the head": partial(effects.drip, 0.05, is_head_too=True),
}

PAGINATION: Final[Mapping[str, Make]] = {
    "_page missing": partial(effects.page_number, None),
    "_page of the first": partial(effects.page_number, 1),
    "_page of the second": partial(effects.page_number, 2),
    "_page beyond the end": partial(effects.page_number, 7),
    "_page as text": partial(effects.page_number, "2"),  # type: ignore[arg-type]
    "next missing": effects.no_next,
    "next looping": effects.looping_next,
    "next on the last page, then 204": effects.one_more_page,
    "_page_count missing": partial(effects.page_count, None),
    "_page_count too small": partial(effects.page_count, 1),
    "_page_count too large": partial(effects.page_count, 9),
    "_total_items missing": partial(effects.totals, None),
    "_total_items too small": partial(effects.totals, 2),
    "_total_items too large": partial(effects.totals, 90),
    "one row left": partial(effects.items, lambda rows: rows[-1:]),
    "a row missing": partial(effects.items, lambda rows: rows[:-1]),
    "a row twice, identical": partial(effects.items, lambda rows: [*rows, rows[0]]),
    "a row twice, different": partial(effects.items, lambda rows: [*rows, rows[0] | {"name": "x"}]),
    "rows in another order": partial(effects.items, lambda rows: rows[::-1]),
    "a row of another account": partial(effects.items, lambda rows: [*rows[1:], rows[0] | {"account_id": 8}]),
    "rows that are no objects": partial(effects.items, lambda rows: [*rows, 7, None, "x"]),
    "every list as an object with numbered keys": effects.numbered_lists,
    "a list that is an object": partial(effects.items, lambda rows: {str(n): row for n, row in enumerate(rows)}),  # type: ignore[arg-type,return-value]
}

WORDS: Final = {
    "status": (STATUSES, PLACES, "amoCRM answers {fault}"),
    "empty": (EMPTY, PLACES, "amoCRM answers {fault}"),
    "body": (BODIES, PLACES, "the body is {fault}"),
    "transport": (TRANSPORT, PLACES, "the connection: {fault}"),
    "slow": (SLOW, PLACES, "the answer is {fault}"),
    "pages": (PAGINATION, LISTS, "the page set: {fault}"),
}
"""Groups: faults, places, and the description."""


def cases() -> Iterator[Case]:
    """Yield each fault at each place, once and always."""
    for group, (faults, places, words) in WORDS.items():
        for number, (fault, make) in enumerate(faults.items()):
            for turn, place in enumerate(places):
                for often, times in (("once", {"times": 1}), ("always", {})):
                    where: RequestFilter = PLACES[place].where | times  # type: ignore[assignment]
                    yield wire_case(
                        group,
                        f"{fault}, {often}, {place}",
                        words.format(fault=fault) + f" {often}, at: {place}.",
                        Wire(make=make, where=where, mode=PLACES[place].mode),
                        is_slow=group == "slow",
                        is_quick=turn == number % len(places) and (often == "once") == (number % 3 > 0),
                    )


def wire_case(group: str, name: str, wrong: str, wire: Wire, *, is_slow: bool = False, is_quick: bool = False) -> Case:
    """Make a case of a fault in amoCRM's responses."""
    return Case(
        name=f"{group}: {name}",
        wrong=wrong,
        must="What is stored is what amoCRM shows, or as it was before; and the next load finds its way.",
        play=partial(through, wire=wire, limits=IMPATIENT if is_slow else {}),
        allowed=HELD,
        is_quick=is_quick,
        wire=wire,
    )


def through(harness: Harness, *, wire: Wire, limits: Mapping[str, float]) -> Iterator[Trial]:
    """Load through the fault, and load again."""
    with account_under_test(harness, wire.mode) as account:  # type: ignore[arg-type]
        fault = account.fault(wire.make(), **wire.where)
        yield account.load_and_recover(fault, recover_hours=25.0, limits=limits)
