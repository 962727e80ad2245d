"""The probe: what it tells apart, what it sends, and what it never prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulator import Clock, Emulator, Quirks, World, effects
from emulator.faults import Effect, RequestFilter
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.base import clock
from pipelines.base.errors import Blocked, RateLimited, Unavailable
from pipelines.probe.customers import CUSTOMERS, count_customers
from pipelines.probe.lists import LARGEST_LIMIT, first_page
from pipelines.probe.page_limits import probed_page_limits
from pipelines.probe.probe import NAME_WIDTH, ProbeResult, probe, probe_file, read_result, write_result
from pipelines.probe.reader import ProbeReader
from tests.records import START

LIMITS = Limits(requests_per_second=10_000)
LINK = "link to the next page"


class Probed:
    """One account with some data of every kind, and probes of it."""

    def __init__(self) -> None:
        self.emulator = Emulator(world=World(clock=Clock(START))).start()
        self.world = self.emulator.world
        self.id = self.world.add_account(mode="segments")
        field = self.world.add_field(self.id, "Private field", "select", options=["Secret option"])
        for number in range(60):
            segment = self.world.add_segment(self.id, f"Private segment {number}", size=number)
            if number == 7:
                option = next(iter(self.world.account(self.id).fields[field].options))
                self.world.set_field_value(self.id, segment, field, option)
        self.world.add_customer(self.id)
        added = self.world.add_customers(self.id, 259)
        stages = self.world.account(self.id).live_stages()
        self.world.clock.advance(timedelta(days=40))
        for number, customer_id in enumerate(added[:4]):
            self.world.clock.advance(timedelta(hours=number))
            self.world.move_customer(self.id, customer_id, stages[number % 4].id, created_by=0)
        self.world.delete_customer(self.id, added[5])

    def reader(self) -> ProbeReader:
        """A reader by the emulator's clock, without waits."""
        return ProbeReader(
            self.emulator.url,
            partial(str, self.emulator.long_lived_token(self.id)),
            limits=LIMITS,
            rate_limiters=RateLimiters(),
            clock=clock.Clock(now=self.emulator.clock.now, sleep=lambda _: None),
        )

    def probe(self, earlier: ProbeResult | None = None) -> ProbeResult:
        reader = self.reader()
        try:
            return probe(reader, earlier)
        finally:
            reader.close()


@pytest.fixture(scope="module")
def probed() -> Iterator[Probed]:
    probed = Probed()
    yield probed
    probed.emulator.stop()


def plain() -> Effect:
    """Send responses without compression."""
    return Effect(response=lambda one: replace(one, headers=one.headers | {"Content-Encoding": "identity"}))


def without_timezone(document: Any) -> Any:
    return {key: value for key, value in document.items() if key != "_embedded"}


QUIRKS: list[dict[tuple[str, str], dict[str, Any]]] = [
    {("segments", "limit of 1"): {"ignores_limit": True}},
    {
        ("customers", "largest page"): {"max_limit": 120},
        ("segments", "unknown id"): {"is_missing_thing_204": True},
        ("segments", "totals"): {"has_totals": False},
        ("segments", "enum_code"): {"shows_enum_codes": True},
        ("events", "filter by time"): {"ignores_event_filters": True},
        ("events", "a deleted customer by id"): {"is_deleted_customer_204": False},
    },
    {
        ("customers", "limit over the maximum"): {"falls_back_over_max": False},
        ("customers", "without a limit"): {"default_limit": 25},
        ("customers", "order"): {"customers_order": "updated_at"},
        ("customers", "page past the end"): {"is_past_end_204": False},
        ("customers", "unknown id"): {"is_unknown_customer_404": True},
        ("events", "oldest event"): {"events_kept_days": 7},
        ("events", "order"): {"events_oldest_first": True},
    },
    {
        ("customers", LARGEST_LIMIT): {"customers_504_above": 100},
        ("segments", LARGEST_LIMIT): {"lists_504_above": 50},
    },
]
"""Quirks of the emulator by the finding that tells each from the usual behaviour; those of a group act together."""

FAULTS: list[dict[tuple[str, str], tuple[Effect, RequestFilter]]] = [
    {
        ("segments", "lists written as objects"): (effects.numbered_lists(), {}),
        ("segments", LINK): (effects.one_more_page(), {"resource": "segments"}),
        ("segments", "page number"): (effects.page_number(None), {"resource": "segments"}),
        ("segments", "status of a page"): (effects.success_status(201), {"resource": "segments"}),
        ("customers", LINK): (effects.looping_next(), {"resource": "customers"}),
        ("account", "headers of rate limits"): (effects.headers({"X-RateLimit-Limit": "7"}), {}),
        ("account", "Date header"): (effects.headers({"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}), {}),
        ("account", "compression"): (plain(), {}),
        ("events", "access"): (effects.error(402), {"resource": "events"}),
    },
    {
        ("segments", "content type"): (effects.content_type("text/x-json"), {}),
        ("account", "time zone"): (effects.payload(without_timezone), {"resource": "account"}),
        ("customers", "access"): (effects.error(403), {"resource": "customers"}),
    },
]
"""Faults of the emulator, in the same way."""


def test_the_probe_tells_quirks_apart_and_sends_only_reads(probed: Probed) -> None:
    usual = probed.probe()
    told: dict[tuple[str, str], str | None] = {}
    for quirks in QUIRKS:
        probed.world.quirks = Quirks(**{name: value for one in quirks.values() for name, value in one.items()})
        result = probed.probe()
        told |= {key: result.observed(*key) for key in quirks}
    probed.world.quirks = Quirks()
    for faults in FAULTS:
        for effect, where in faults.values():
            probed.emulator.faults.add(effect, **where)
        result = probed.probe()
        told |= {key: result.observed(*key) for key in faults}
        probed.emulator.faults.clear()
    probed.world.enable_filter(probed.id)
    told["customers", "filter"] = probed.probe().observed("customers", "filter")
    probed.world.enable_filter(probed.id, is_enabled=False)
    assert [key for key, observed in told.items() if observed == usual.observed(*key)] == []
    assert len(told) > 20
    assert {request.method for request in probed.emulator.requests} == {"GET"}
    assert probed.probe().findings == usual.findings


def test_a_move_and_a_size_show_whether_updated_at_follows(probed: Probed) -> None:
    for moves in (True, False):
        probed.world.quirks = Quirks(size_moves_updated_at=moves, stage_moves_customer_updated_at=moves)
        earlier = probed.probe()
        account = probed.world.account(probed.id)
        segment, stage = account.live_segments()[0], account.live_stages()[-1]
        probed.world.clock.advance(timedelta(hours=1))
        probed.world.set_size(probed.id, segment.id, segment.customers_count + 5)
        customer = next(one for one in probed.world.book(probed.id).customers.values() if one.stage_id != stage.id)
        probed.world.move_customer(probed.id, customer.id, stage.id)
        later = probed.probe(earlier)
        word = "moves" if moves else "stays"
        assert later.observed("segments", "updated_at with a size") == word
        assert later.observed("events", "updated_at after a move") == word
    probed.world.quirks = Quirks()


def test_the_text_holds_no_id_name_or_host_and_the_usual_is_expected(probed: Probed, tmp_path: Path) -> None:
    result = probed.probe()
    text = result.describe()
    world = probed.world
    ids = [probed.id, *world.account(probed.id).segments, *world.book(probed.id).customers]
    private = [*map(str, ids), "CANARY", "Private", "Secret", "Corner", "Moscow", probed.emulator.host, "127.0.0.1"]
    assert [one for one in private if one in text] == []
    assert [one for one in result.findings if not one.is_expected] == []
    assert [one.name for one in result.findings if len(one.name) >= NAME_WIDTH] == []
    assert result.request_count < 70
    file = probe_file(tmp_path, "main")
    assert read_result(file) is None
    write_result(file, result)
    assert read_result(file) == result
    assert probed_page_limits(tmp_path, "main") == {"events": 100}
    file.write_text("[]")
    assert read_result(file) is None


@pytest.mark.parametrize(("mode", "expected"), [("periodicity", "422"), ("disabled", None)])
def test_other_modes_are_probed(probed: Probed, mode: Any, expected: str | None) -> None:
    probed.world.switch_mode(probed.id, mode)
    try:
        result = probed.probe()
    finally:
        probed.world.switch_mode(probed.id, "segments")
    assert result.observed("segments", "list of the other mode") == expected
    assert result.observed("customers", "access") == (None if expected else "400")


def test_a_block_or_a_429_ends_the_probe(probed: Probed) -> None:
    for effect, error in ((effects.too_many(), RateLimited), (effects.blocked(), Blocked)):
        before = len(probed.emulator.requests)
        with probed.emulator.faults.during(effect, resource="segments"), pytest.raises(error):
            probed.probe()
        assert len(probed.emulator.requests) - before == 2


def test_customers_are_counted_in_few_requests(probed: Probed) -> None:
    reader = probed.reader()
    page, _ = first_page(reader, CUSTOMERS)
    assert count_customers(reader, 250, page) == 259
    counted = [
        (limit, count_customers(reader, limit, reader.get(CUSTOMERS.path, {"limit": limit}))) for limit in (1, 7)
    ]
    assert counted == [(1, 259), (7, 259)]
    assert reader.request_count < 40
    reader.close()


def test_a_missing_link_is_noticed_and_a_silent_host_given_up(probed: Probed) -> None:
    with probed.emulator.faults.during(effects.no_next(), resource="customers"):
        finding = next(one for one in probed.probe().findings if (one.subject, one.name) == ("customers", LINK))
    assert (finding.observed, finding.is_expected) == ("missing, though rows follow", False)
    before = len(probed.emulator.requests)
    with probed.emulator.faults.during(effects.hang_up()), pytest.raises(Unavailable, match="5 requests in a row"):
        probed.probe()
    assert len(probed.emulator.requests) - before == 5
