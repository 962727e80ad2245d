"""Seed data of the simulation: segments, fields and stages of an online coffee shop."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from emulator.entities import Json
from emulator.sizes import SizePattern
from emulator.stages import rule

ACCOUNT_NAME = "Кофейня на углу · Corner Coffee"
SUBDOMAIN = "cornercoffee"
TIMEZONE = "Europe/Moscow"

RETAIL, WHOLESALE, CLUB = 288_891, 271_211, 301_447
"""Ids of the catalog's price fields."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldSeed:
    """Field; ``options`` are labels by key."""

    name: str
    type: str
    code: str | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentSeed:
    """Segment; ``values`` are by field key, with options as keys and times as offsets from now."""

    name: str
    color: str
    size_pattern: SizePattern
    prices: tuple[int, ...] = (RETAIL,)
    values: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSeed:
    """Regular stage."""

    name: str
    sort: int
    color: str
    conditions: tuple[tuple[dict[str, Json], ...], ...] = ()


FIELDS = {
    "description": FieldSeed(name="Описание", type="textarea", code="DESCRIPTION"),
    "owner": FieldSeed(name="Ответственный", type="text"),
    "discount": FieldSeed(name="Скидка, %", type="numeric", code="DISCOUNT"),
    "mailing": FieldSeed(name="Автоматическая рассылка", type="checkbox"),
    "channel": FieldSeed(
        name="Канал", type="select", code="CHANNEL", options={"email": "Email", "sms": "SMS", "chat": "WhatsApp"}
    ),
    "interests": FieldSeed(
        name="Интересы",
        type="multiselect",
        options={"beans": "Зерно", "capsules": "Капсулы", "tea": "Чай", "gear": "Аксессуары"},
    ),
    "priority": FieldSeed(
        name="Приоритет", type="radiobutton", options={"high": "Высокий", "normal": "Обычный", "low": "Низкий"}
    ),
    "review": FieldSeed(name="Дата пересмотра", type="date"),
    "mailed": FieldSeed(name="Последняя рассылка", type="date_time", code="LAST_MAILING"),
    "landing": FieldSeed(name="Landing page", type="url"),
    "pickup": FieldSeed(name="Точка выдачи", type="streetaddress"),
    "old_code": FieldSeed(name="Старый код", type="text", code="OLD_CODE"),
}

SEGMENTS = {
    "new": SegmentSeed(
        name="Новые за 30 дней",
        color="2176ff",
        size_pattern=SizePattern(
            base=640, growth=0.7, weekly=0.05, peak_weekday=6, daily=0.012, season=0.12, campaign=0.35
        ),
        values={
            "description": "Первая покупка не раньше 30 дней назад.\nПриветственная цепочка писем.",
            "mailing": True,
            "channel": "email",
            "priority": "high",
        },
    ),
    "regular": SegmentSeed(
        name="Постоянные",
        color="0c7c59",
        size_pattern=SizePattern(
            base=1_840, growth=0.9, weekly=0.012, daily=0.003, season=0.03, noise=0.003, campaign=0.03
        ),
        prices=(RETAIL, CLUB),
        values={"owner": "Анна Лебедева", "discount": 5, "interests": ["beans", "gear"], "old_code": "R-100"},
    ),
    "vip": SegmentSeed(
        name="Важные клиенты",
        color="6610f2",
        size_pattern=SizePattern(base=212, growth=0.6, weekly=0.02, daily=0.006, noise=0.008, campaign=0.04),
        prices=(RETAIL, CLUB),
        values={
            "description": "Больше 50 000 ₽ за год",
            "owner": "Анна Лебедева",
            "discount": 10,
            "channel": "chat",
            "priority": "high",
            "review": timedelta(days=75),
            "old_code": "V-001",
        },
    ),
    "sleeping": SegmentSeed(
        name="Спящие 60+ дней",
        color="8e936d",
        size_pattern=SizePattern(base=1_120, growth=0.5, weekly=0.01, daily=0.004, season=-0.06, campaign=-0.22),
        values={"description": "Нет покупок 60 дней", "mailing": False, "priority": "normal"},
    ),
    "lost": SegmentSeed(
        name="Ушли",
        color="495f41",
        size_pattern=SizePattern(base=2_310, growth=1.1, daily=0.001, noise=0.001, campaign=-0.02),
        values={"mailing": False, "priority": "low"},
    ),
    "beans": SegmentSeed(
        name="Подписка на зерно",
        color="b38a58",
        size_pattern=SizePattern(
            base=431, growth=1.3, weekly=0.015, peak_weekday=0, daily=0.004, season=0.05, campaign=0.08
        ),
        prices=(CLUB,),
        values={
            "channel": "email",
            "interests": ["beans"],
            "landing": "https://corner.example/beans?utm_source=crm&utm_campaign=подписка",
            "mailing": True,
        },
    ),
    "offices": SegmentSeed(
        name="Офисы (B2B)",
        color="247ba0",
        size_pattern=SizePattern(
            base=96, growth=0.8, weekly=0.12, peak_weekday=2, daily=0.05, peak_hour=12, season=-0.08
        ),
        prices=(WHOLESALE,),
        values={
            "owner": "Mark O'Neill",
            "discount": "12.5",
            "pickup": "Москва, ул. Покровка, д. 27, стр. 1",
            "interests": ["beans", "capsules"],
        },
    ),
    "espresso": SegmentSeed(
        name="Espresso lovers",
        color="9d2b32",
        size_pattern=SizePattern(base=780, growth=0.35, weekly=0.03, daily=0.006, season=0.08, campaign=0.06),
        values={"interests": ["beans", "capsules", "gear"], "channel": "sms"},
    ),
    "filter": SegmentSeed(
        name="Filter & V60",
        color="b118c8",
        size_pattern=SizePattern(
            base=352, growth=0.9, weekly=0.04, peak_weekday=5, daily=0.01, season=-0.1, peak_day=350
        ),
        values={"interests": ["beans", "gear"], "landing": "https://corner.example/v60"},
    ),
    "decaf": SegmentSeed(
        name="Decaf",
        color="a2ad59",
        size_pattern=SizePattern(base=58, growth=-0.8, weekly=0.05, noise=0.03),
        values={"priority": "low", "old_code": "D-7"},
    ),
    "gifts": SegmentSeed(
        name="Подарочные наборы",
        color="cd0f53",
        size_pattern=SizePattern(
            base=270, growth=0.3, weekly=0.05, peak_weekday=4, daily=0.02, season=0.55, campaign=0.15
        ),
        prices=(RETAIL, WHOLESALE),
        values={"description": "Покупали подарки, в том числе корпоративные", "interests": ["tea", "gear"]},
    ),
    "cart": SegmentSeed(
        name="Брошенная корзина",
        color="e14945",
        size_pattern=SizePattern(
            base=74, growth=0.4, weekly=0.16, peak_weekday=6, daily=0.35, peak_hour=21, noise=0.08, campaign=0.4
        ),
        values={"mailing": True, "channel": "email", "priority": "high"},
    ),
    "birthday": SegmentSeed(
        name="День рождения в этом месяце",
        color="ff5376",
        size_pattern=SizePattern(base=318, growth=0.5, monthly=0.12, noise=0.004),
        values={"mailing": True, "discount": 15, "channel": "chat"},
    ),
    "app": SegmentSeed(
        name="Мобильное приложение",
        color="631d76",
        size_pattern=SizePattern(
            base=905, growth=1.8, weekly=0.03, peak_weekday=5, daily=0.015, peak_hour=19, campaign=0.12
        ),
        values={"channel": "chat"},
    ),
}

LATER_SEGMENTS = {
    "matcha": SegmentSeed(
        name="Matcha club",
        color="79b473",
        size_pattern=SizePattern(base=160, growth=0.8, weekly=0.05, peak_weekday=5, daily=0.02, ramp_days=9),
        values={"interests": ["tea"], "channel": "chat", "mailing": True},
    ),
    "cold_brew": SegmentSeed(
        name="Cold brew",
        color="046e8f",
        size_pattern=SizePattern(
            base=190, growth=0.5, weekly=0.06, peak_weekday=5, daily=0.03, season=-0.3, ramp_days=6
        ),
        values={"interests": ["beans"], "priority": "normal"},
    ),
}
"""Segments that the timeline adds later."""

CAMPAIGN = SegmentSeed(
    name="Кампания",
    color="bf2600",
    size_pattern=SizePattern(base=540, weekly=0.04, peak_weekday=5, daily=0.04, noise=0.02, ramp_days=1.5),
    values={"mailing": True, "channel": "email", "priority": "high"},
)
DEFAULT_SIZE_PATTERN = SizePattern(base=120, weekly=0.04, daily=0.02, ramp_days=5)
"""Size pattern of segments that are added through the API."""


def tag_rule(*tags: tuple[int, str]) -> dict[str, Json]:
    """Return a rule by tags, with the structure of the documentation's example of one stage."""
    return {
        "type": "tag",
        "options": {"name": "Теги"},
        "logic_operator": "or",
        "conditions": [{"id": tag_id, "name": name} for tag_id, name in tags],
        "match": {"value": [tag_id for tag_id, _ in tags], "logic": "or"},
        "tmpl": "tag_customers",
    }


STAGES = {
    "first": StageSeed(name="Первый заказ", sort=10, color="#fffeb2"),
    "second": StageSeed(
        name="Ждём второй заказ", sort=20, color="#ffeab2", conditions=((rule("after_purchase", 14),),)
    ),
    "loyal": StageSeed(
        name="Постоянный клиент", sort=30, color="#deff81", conditions=((tag_rule((174_727, "постоянный")),), ())
    ),
    "risk": StageSeed(
        name="Под угрозой",
        sort=40,
        color="#ffc8c8",
        conditions=((rule("after_today", 30),), (tag_rule((174_731, "жалоба"), (174_733, "возврат")),)),
    ),
}
