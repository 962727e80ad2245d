"""Picture of moves: bands fill their places, which never overlap."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.figures import Flow
from pipelines.report.flow_chart import HEIGHT, LABEL_HEIGHT, MAX_PLACES, flow_picture

PLACES = st.one_of(st.none(), st.integers(1, 30))


@given(st.dictionaries(st.tuples(PLACES, PLACES), st.integers(1, 10**6), min_size=1, max_size=60))
def test_every_customer_is_on_both_sides(counts: dict[tuple[int | None, int | None], int]) -> None:
    flows = [
        Flow(from_id=start, from_name="A", to_id=end, to_name=None, customers_count=count)
        for (start, end), count in counts.items()
    ]
    picture = flow_picture(flows)
    for side in (picture.sources, picture.targets):
        assert sum(place.customers_count for place in side) == sum(counts.values())
        assert len(side) <= MAX_PLACES + 1
        assert [place.key for place in side[:-1] if place.key is None] == [], "new and gone customers come last"
        for before, after in pairwise(side):
            assert before.top + before.height < after.top
        for place in side:
            assert place.height == pytest.approx(
                max(place.customers_count * HEIGHT / sum(counts.values()), LABEL_HEIGHT)
            )
    assert not re.search(r"nan|inf|[<>]A", picture.svg)


def test_bands_begin_and_end_within_their_places() -> None:
    picture = flow_picture(
        [
            Flow(from_id=1, from_name="A", to_id=2, to_name="B", customers_count=50),
            Flow(from_id=2, from_name="B", to_id=1, to_name="A", customers_count=25),
            Flow(from_id=None, from_name=None, to_id=1, to_name="A", customers_count=25),
        ]
    )
    bands = re.findall(r'class="flow (\w+)" d="M0 ([\d.]+)C50 [\d.]+ 50 ([\d.]+) 100 [\d.]+v([\d.]+)C', picture.svg)
    tops = {place.key: place.top for place in picture.sources}
    ends = {place.key: place.top for place in picture.targets}
    assert bands == [
        ("move", f"{tops[1]:.1f}", f"{ends[2]:.1f}", "150.0"),
        ("move", f"{tops[2]:.1f}", f"{ends[1]:.1f}", "75.0"),
        ("new", f"{tops[None]:.1f}", f"{ends[1] + 75:.1f}", "75.0"),
    ]
