"""Picture of the moves between stages: bands from where customers were, on one side, to where they went.

The SVG has numbers only. Names stand beside it as HTML, at the heights of their bands, so that they wrap
no line, are cut by the width of the screen, and keep their own direction of writing. The table of moves
has the same content for screen readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipelines.report.figures import Flow

HEIGHT: Final = 300
"""Height of all bands together, in pixels."""

LABEL_HEIGHT: Final = 22
"""Smallest height of a place, in pixels: a line of text."""

MAX_PLACES: Final = 9
"""Places on each side; those with fewer customers are one."""

PlaceKey: TypeAlias = int | Literal["other"] | None
"""Id of a stage; None for new customers and for those that are gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowPlace:
    """A place on one side of the picture; heights and positions in pixels."""

    key: PlaceKey
    name: str | None
    customers_count: int
    top: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowPicture:
    """Both sides, and the SVG between them."""

    sources: list[FlowPlace]
    targets: list[FlowPlace]
    svg: str
    height: float


def flow_picture(flows: Sequence[Flow]) -> FlowPicture:
    """Draw the flows, of which there is at least one."""
    names = {flow.from_id: flow.from_name for flow in flows} | {flow.to_id: flow.to_name for flow in flows}
    keys = {side: _place_keys(flows, side) for side in ("from", "to")}
    bands: Counter[tuple[PlaceKey, PlaceKey]] = Counter()
    for flow in flows:
        bands[keys["from"][flow.from_id], keys["to"][flow.to_id]] += flow.customers_count
    scale = HEIGHT / bands.total()
    sources = _lay_out(bands, 0, names, scale)
    targets = _lay_out(bands, 1, names, scale)
    height = max(place.top + place.height for place in (*sources, *targets))
    svg = (
        f'<svg viewBox="0 0 100 {height:.0f}" preserveAspectRatio="none" style="height:{height:.0f}px"'
        f' focusable="false">{"".join(_draw_bands(bands, sources, targets, scale))}</svg>'
    )
    return FlowPicture(sources=sources, targets=targets, svg=svg, height=height)


def _place_keys(flows: Sequence[Flow], side: str) -> dict[int | None, PlaceKey]:
    """Return the key of each place of one side: its id, or ``other`` if too many are larger."""
    sizes: Counter[int | None] = Counter()
    for flow in flows:
        sizes[flow.from_id if side == "from" else flow.to_id] += flow.customers_count
    ordered = sorted((place for place in sizes if place is not None), key=lambda place: (-sizes[place], place))
    shown = {None, *(ordered if len(ordered) <= MAX_PLACES else ordered[: MAX_PLACES - 1])}
    return {place: place if place in shown else "other" for place in sizes}


def _lay_out(
    bands: Mapping[tuple[PlaceKey, PlaceKey], int], side: int, names: Mapping[int | None, str | None], scale: float
) -> list[FlowPlace]:
    """Place one side's places below each other: the largest first, then all others, at last new or gone customers."""
    sizes: Counter[PlaceKey] = Counter()
    for ends, count in bands.items():
        sizes[ends[side]] += count
    places, top = [], 0.0
    for key in sorted(sizes, key=lambda key: (key is None, key == "other", -sizes[key], str(key))):
        height = max(sizes[key] * scale, LABEL_HEIGHT)
        name = names[key] if isinstance(key, int) else None
        places.append(FlowPlace(key=key, name=name, customers_count=sizes[key], top=top, height=height))
        top += height + LABEL_HEIGHT / 4
    return places


def _draw_bands(
    bands: Mapping[tuple[PlaceKey, PlaceKey], int],
    sources: Sequence[FlowPlace],
    targets: Sequence[FlowPlace],
    scale: float,
) -> Iterator[str]:
    """Draw the bands, in the order of their places on both sides, so that few of them cross."""
    positions = [{place.key: place.top for place in side} for side in (sources, targets)]
    orders = [{place.key: number for number, place in enumerate(side)} for side in (sources, targets)]
    starts: dict[tuple[PlaceKey, PlaceKey], float] = {}
    ends: dict[tuple[PlaceKey, PlaceKey], float] = {}
    for one in sorted(bands, key=lambda one: (orders[0][one[0]], orders[1][one[1]])):
        starts[one] = positions[0][one[0]]
        positions[0][one[0]] += bands[one] * scale
    for one in sorted(bands, key=lambda one: (orders[1][one[1]], orders[0][one[0]])):
        ends[one] = positions[1][one[1]]
        positions[1][one[1]] += bands[one] * scale
    for one, count in bands.items():
        width = max(count * scale, 0.5)
        style = "new" if one[0] is None else "gone" if one[1] is None else "move"
        left, right = starts[one], ends[one]
        yield (
            f'<path class="flow {style}" d="M0 {left:.1f}C50 {left:.1f} 50 {right:.1f} 100 {right:.1f}v{width:.1f}'
            f'C50 {right + width:.1f} 50 {left + width:.1f} 0 {left + width:.1f}z"/>'
        )
