"""Timeline of the simulation: scripted events for the first ninety days, then random events by the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from emulator.scenario import Scenario
from emulator.seed_data import CAMPAIGN, CLUB, LATER_SEGMENTS, RETAIL, WHOLESALE, tag_rule
from emulator.stages import rule

CYCLE = timedelta(days=30)
FIRST_RANDOM_CYCLE = 3
"""Cycle (of ``CYCLE``) from which on events are random: day ninety."""

FIRST_OUTAGE = (timedelta(days=45, hours=8), timedelta(days=47, hours=20))
FIRST_CAMPAIGN = timedelta(days=38, hours=9)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Change of the account, with its offset from the start of the simulation."""

    after: timedelta
    action: Callable[[Scenario], None]


def _event_on(day: int, hour: int, action: Callable[[Scenario], None]) -> Event:
    return Event(after=timedelta(days=day, hours=hour), action=action)


SCRIPTED_EVENTS = (
    _event_on(3, 10, lambda s: s.set_value("vip", "discount", 12)),
    _event_on(
        6, 11, lambda s: s.set_value("sleeping", "description", "Нет покупок 60 дней; не писать чаще раза в неделю")
    ),
    _event_on(9, 15, lambda s: s.rename_segment("vip", "VIP")),
    _event_on(12, 9, lambda s: s.add_stage("waiting", "Заказ в пути", sort=15, color="#d6eaff")),
    _event_on(14, 12, lambda s: s.add_segment("matcha", LATER_SEGMENTS["matcha"])),
    _event_on(17, 16, lambda s: s.set_prices("offices", (WHOLESALE, CLUB))),
    _event_on(20, 10, lambda s: s.rename_stage("waiting", "Доставка")),
    _event_on(21, 13, lambda s: s.rename_option("channel", "chat", "Мессенджер")),
    _event_on(24, 11, lambda s: s.add_option("interests", "matcha", "Матча")),
    _event_on(24, 12, lambda s: s.set_value("matcha", "interests", ["tea", "matcha"])),
    _event_on(28, 14, lambda s: s.edit_rule("second", 0, 0, rule("after_purchase", 21))),
    _event_on(33, 10, lambda s: s.add_field("ltv", "LTV, ₽", "numeric", code="LTV")),
    _event_on(34, 10, lambda s: s.set_value("vip", "ltv", "86450.50")),
    _event_on(34, 11, lambda s: s.set_value("regular", "ltv", "21300")),
    Event(after=FIRST_CAMPAIGN, action=lambda s: s.add_segment("campaign_1", CAMPAIGN, "Кампания «Вернись за кофе»")),
    _event_on(41, 12, lambda s: s.recolor_segment("sleeping", "932f6d")),
    _event_on(52, 17, lambda s: s.delete_segment("decaf")),
    _event_on(56, 10, lambda s: s.delete_field("old_code")),
    _event_on(58, 10, lambda s: s.rename_field("owner", "Owner")),
    _event_on(61, 14, lambda s: s.edit_rule("risk", 0, 0, rule("after_today", 45))),
    _event_on(63, 18, lambda s: s.delete_segment("campaign_1")),
    _event_on(66, 9, lambda s: s.delete_stage("waiting")),
    _event_on(70, 11, lambda s: s.rename_segment("new", "Новички")),
    _event_on(72, 15, lambda s: s.recolor_stage("loyal", "#87f2c0")),
    _event_on(76, 10, lambda s: s.add_segment("cold_brew", LATER_SEGMENTS["cold_brew"])),
    _event_on(80, 13, lambda s: s.set_value("espresso", "interests", ["beans", "gear"])),
    _event_on(83, 10, lambda s: s.set_value("vip", "discount", 15)),
    _event_on(85, 14, lambda s: s.edit_rule("expected", 0, 0, rule("before_purchase", 3))),
    _event_on(87, 16, lambda s: s.set_prices("gifts", (RETAIL,))),
    _event_on(88, 10, lambda s: s.rename_segment("beans", "Подписка «Зерно каждый месяц»")),
    _event_on(88, 15, lambda s: s.edit_rule("loyal", 0, 0, tag_rule((174_727, "постоянный"), (174_735, "клуб")))),
    _event_on(
        89, 11, lambda s: s.set_value("cart", "description", "Корзина без заказа больше часа.\nПисьмо через 3 часа.")
    ),
)


def events(seed: int, after: timedelta, until: timedelta) -> list[Event]:
    """Return the events later than ``after`` and not later than ``until``, in order."""
    found = [event for event in (*SCRIPTED_EVENTS, *_mailings(until)) if after < event.after <= until]
    for cycle in _cycles(after, until):
        found += [event for event in _cycle_events(seed, cycle) if after < event.after <= until]
    return sorted(found, key=lambda event: event.after)


def campaigns(seed: int, until: timedelta) -> list[timedelta]:
    """Return the starts of campaigns that affect sizes at ``until``, and of some later ones."""
    recent = [FIRST_CAMPAIGN, *(_campaign_start(seed, cycle) for cycle in _cycles(until - 4 * CYCLE, until))]
    return [begun for begun in recent if begun > until - 4 * CYCLE]


def outages(seed: int, until: timedelta) -> list[tuple[timedelta, timedelta]]:
    """Return start and end of the outages that start until ``until``, oldest first."""
    spans = [FIRST_OUTAGE, *(_outage(seed, cycle) for cycle in _cycles(timedelta(), until))]
    return [span for span in spans if span[0] <= until]


def _cycles(after: timedelta, until: timedelta) -> Iterator[int]:
    yield from range(max(FIRST_RANDOM_CYCLE, after // CYCLE), until // CYCLE + 1)


def _rng(seed: int, cycle: int, what: str) -> random.Random:
    return random.Random(f"{seed}/{cycle}/{what}")


def _campaign_start(seed: int, cycle: int) -> timedelta:
    return cycle * CYCLE + timedelta(days=2, hours=_rng(seed, cycle, "campaign").randint(9, 17))


def _outage(seed: int, cycle: int) -> tuple[timedelta, timedelta]:
    rng = _rng(seed, cycle, "outage")
    start = cycle * CYCLE + timedelta(days=rng.randint(14, 22), hours=rng.randint(0, 23))
    return start, start + timedelta(hours=rng.randint(3, 9))


def _mailings(until: timedelta) -> Iterator[Event]:
    """Yield a weekly mailing, which sets the date field of a segment."""
    for week in range(until // timedelta(weeks=1) + 1):
        sent = timedelta(weeks=week, days=1, hours=7, minutes=30)
        yield Event(after=sent, action=lambda s: s.set_value("beans", "mailed", timedelta()))


def _cycle_events(seed: int, cycle: int) -> list[Event]:
    """Return the random events of one cycle: a campaign, and edits every few days."""
    rng, first_day = _rng(seed, cycle, "events"), cycle * CYCLE.days
    campaign, stage = f"campaign_{cycle}", f"check_{cycle}"
    slogan = rng.choice(("Скидка недели", "Вернись за кофе", "New harvest", "Подарок другу"))
    segment_key = rng.choice(("regular", "espresso", "filter", "matcha", "app"))
    interests = rng.sample(("beans", "capsules", "tea", "gear"), rng.randint(1, 3))
    chat = rng.choice(("Мессенджер", "Telegram", "WhatsApp", "Чат"))
    gifts = rng.choice(("Подарочные наборы", "Gifts", "Подарки", "Подарки и сертификаты"))
    color = rng.choice(("0c7c59", "08605f", "00a44b", "07a0c3"))
    ltv, discount = f"{rng.randint(80_000, 99_000)}.50", rng.randint(10, 20)
    quiet_days, office_discount = rng.randint(20, 60), f"{rng.randint(8, 18)}.5"
    return [
        _event_on(first_day + 1, 10, lambda s: s.set_value("vip", "discount", discount)),
        Event(
            after=_campaign_start(seed, cycle),
            action=lambda s: s.add_segment(campaign, CAMPAIGN, f"Кампания {cycle}: {slogan}"),
        ),
        _event_on(first_day + 4, 12, lambda s: s.rename_option("channel", "chat", chat)),
        _event_on(first_day + 6, 9, lambda s: s.set_value("vip", "ltv", ltv)),
        _event_on(first_day + 8, 14, lambda s: s.edit_rule("risk", 0, 0, rule("after_today", quiet_days))),
        _event_on(first_day + 9, 13, lambda s: s.set_value(segment_key, "interests", interests)),
        _event_on(first_day + 11, 16, lambda s: s.recolor_segment("regular", color)),
        _event_on(
            first_day + 13,
            11,
            lambda s: s.add_stage(
                stage, f"Проверка {cycle}", sort=50, color="#f3beff", conditions=((rule("after_purchase", 10),),)
            ),
        ),
        _event_on(
            first_day + 16, 10, lambda s: s.set_value("sleeping", "description", f"Нет покупок {quiet_days} дней")
        ),
        _event_on(first_day + 19, 15, lambda s: s.rename_segment("gifts", gifts)),
        _event_on(first_day + 22, 10, lambda s: s.set_value("vip", "review", timedelta(days=60))),
        _event_on(first_day + 24, 18, lambda s: s.delete_segment(campaign)),
        _event_on(first_day + 26, 9, lambda s: s.delete_stage(stage)),
        _event_on(first_day + 28, 12, lambda s: s.set_value("offices", "discount", office_discount)),
    ]
