"""Views for analysts. They are always up to date; a materialization records what they show after a load.

The step materializes the jumps, which have a check, and records what the other views show.
"""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import dagster as dg

from assets import checks
from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.metadata_tables import small_table
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import LOAD_FAILURE, SEGMENT_JUMPS, SNAPSHOT, VIEWS
from pipelines.base.sparkline import sparkline
from pipelines.base.text import display_name
from pipelines.report.overview import SPARKLINE_DAYS, Overview, read_overview
from pipelines.report.sizes import SizeTrend

CHECKED: Final = next(spec for spec in VIEWS if spec.key == SEGMENT_JUMPS)
RECORDED_VIEWS: Final = (LOAD_FAILURE, *(spec for spec in VIEWS if spec != CHECKED))
"""The other views, and the failed loads that they read. Assets without a step, because a view needs none."""


@dg.multi_asset(
    name="views",
    specs=[CHECKED.merge_attributes(deps=[SNAPSHOT])],  # the step reads all views, so it runs after publishing
    check_specs=[checks.JUMPS],
    partitions_def=ACCOUNTS,
    can_subset=False,
    retry_policy=RETRY_POLICY,
    description="Record what the views show of the account: row counts, sizes, recent changes.",
)
def analytics_views(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult | dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Record what each view shows."""
    with errors_shown():
        key = single_partition(context)
        overview = read_overview(workbench.engine, key)
    for spec in RECORDED_VIEWS:
        yield dg.AssetMaterialization(spec.key, partition=key, metadata=view_metadata(spec.key.path[-1], overview))
    yield dg.MaterializeResult(asset_key=CHECKED.key, metadata=view_metadata(CHECKED.key.path[-1], overview))
    yield checks.check_size_jumps(overview.jumps)


def view_metadata(view: str, overview: Overview) -> dict[str, dg.MetadataValue | int]:
    """Return a view's metadata: row count, and for some views a table."""
    metadata: dict[str, dg.MetadataValue | int] = {"observed_at": dg.MetadataValue.timestamp(overview.observed_at)}
    if view in overview.row_counts:
        metadata["dagster/partition_row_count"] = overview.row_counts[view]
    place, _, kind = view.partition("_")
    trends = {"segment": overview.segments, "stage": overview.stages}.get(place, [])
    if kind == "sizes_daily" and trends:
        metadata["sizes_by_day"] = small_table(
            (place, f"{SPARKLINE_DAYS} days", "smallest", "largest", "size"), size_rows(trends)
        )
    if kind == "trends" and trends:
        metadata["sizes"] = small_table(
            (place, "size", "1 day", "7 days", "30 days"),
            (
                (
                    display_name(trend.name, trend.place_id),
                    trend.customers_count,
                    *map(format_signed, (trend.change_1_day, trend.change_7_days, trend.change_30_days)),
                )
                for trend in trends
            ),
        )
    if view == "changes":
        metadata["what_changed_lately"] = small_table(
            ("first seen (UTC)", "change"),
            ((f"{change.observed_at:%Y-%m-%d %H:%M}", change.text) for change in overview.changes),
        )
    return metadata


def size_rows(trends: Sequence[SizeTrend]) -> Iterator[tuple[str | int | None, ...]]:
    """Yield the row of each segment or stage: name, sparkline, smallest, largest and current size."""
    last_date = max((trend.days[-1].date for trend in trends if trend.days), default=None)
    dates = [last_date - timedelta(days=ago) for ago in reversed(range(SPARKLINE_DAYS))] if last_date else []
    for trend in trends:
        sizes = {day.date: day.size for day in trend.days}
        line = [sizes.get(day) for day in dates]
        known = [size for size in line if size is not None]
        yield (
            display_name(trend.name, trend.place_id),
            sparkline(line).lstrip(),
            min(known, default=None),
            max(known, default=None),
            trend.customers_count,
        )


def format_signed(change: int | None) -> str:
    """Format a change with its sign; as an empty string if there is no size to compare with."""
    return "" if change is None else f"{change:+,}" if change else "0"
