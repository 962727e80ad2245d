"""Changes to a JSON document that leave it JSON: of bytes turned at random only the parser would see anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final

ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 51, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**30, 1e-400, 1.5, 1589615328, -(2**40)),
    *("", " ", "0", "51", "\x00", "\ud800", "\u202e", "é" * 300, "=cmd()", "</script>", "2026-02-30", "NaN"),
    *([], [None], [[]], {}, {"id": 51}, {"value": None}, {"value": [1, "x"]}, {"enum_id": 2**64}),
)
"""Values that somebody may send in place of any other."""

Place = tuple[Any, Any]
"""A list or an object, and the position or key in it."""


def mutated(body: bytes, seed: int, otherwise: Callable[[bytes], bytes]) -> bytes:
    """The document with some of its values replaced, removed, repeated or moved; what is no JSON goes ``otherwise``."""
    random = Random(seed)  # noqa: S311 - to come again, not to keep a secret
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return otherwise(body)
    if random.random() < 0.2:
        return otherwise(body)
    root = [document]
    for _ in range(random.randint(1, 4)):
        turn(random, *random.choice(list(places(root))), root)
    return json.dumps(root[0], ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def places(root: list[Any]) -> Iterator[Place]:
    """Every place in the document."""
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def turn(random: Random, holder: Any, key: Any, root: list[Any]) -> None:
    """Change what stands at one place."""
    match random.randrange(5):
        case 0 if holder is not root:
            del holder[key]
        case 1 if isinstance(holder, list) and holder is not root:
            holder.append(deepcopy(holder[key]))
        case 2 if isinstance(holder, dict):
            holder[random.choice(["id", "name", "value", "values", "unknown", key + "x"])] = deepcopy(holder[key])
        case 3:
            other, place = random.choice(list(places(root)))
            holder[key] = deepcopy(other[place])
        case _:
            holder[key] = deepcopy(random.choice(ODD))
