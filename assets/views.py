"""Views for analysts. They are always up to date; a materialization records what they show after a load."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator

import dagster as dg

from assets import checks
from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.metadata_tables import small_table
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import VIEWS
from pipelines.base.text import display_name
from pipelines.report.overview import Overview, read_overview
from pipelines.report.size_picture import render_sparklines, to_data_uri


@dg.multi_asset(
    name="views",
    specs=VIEWS,
    check_specs=[checks.JUMPS],
    partitions_def=ACCOUNTS,
    can_subset=False,
    retry_policy=RETRY_POLICY,
    description="Record what the views show of the account: row counts, sizes, recent changes.",
)
def analytics_views(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Record what each view shows."""
    with errors_shown():
        overview = read_overview(workbench.engine, single_partition(context))
    for spec in VIEWS:
        yield dg.MaterializeResult(asset_key=spec.key, metadata=view_metadata(spec.key.path[-1], overview))
    yield checks.check_size_jumps(overview.jumps)


def view_metadata(view: str, overview: Overview) -> dict[str, dg.MetadataValue | int]:
    """Return a view's metadata: row count, and for some views a table or picture."""
    metadata: dict[str, dg.MetadataValue | int] = {"observed_at": dg.MetadataValue.timestamp(overview.observed_at)}
    if view in overview.row_counts:
        metadata["dagster/partition_row_count"] = overview.row_counts[view]
    if view == "segment_sizes_daily":
        picture = to_data_uri(render_sparklines(overview.segments))
        metadata["sizes_by_day"] = dg.MetadataValue.md(f"![Sizes of the largest segments, day by day]({picture})")
    if view == "segment_trends":
        metadata["sizes"] = small_table(
            ("segment", "size", "1 day", "7 days", "30 days"),
            (
                (
                    display_name(segment.name),
                    segment.customers_count,
                    *map(format_signed, (segment.change_1_day, segment.change_7_days, segment.change_30_days)),
                )
                for segment in overview.segments
            ),
        )
    if view == "changes":
        metadata["what_changed_lately"] = small_table(
            ("first seen (UTC)", "change"),
            ((f"{change.observed_at:%Y-%m-%d %H:%M}", change.text) for change in overview.changes),
        )
    return metadata


def format_signed(change: int | None) -> str:
    """Format a change with its sign; as an empty string if there is no size to compare with."""
    return "" if change is None else f"{change:+,}" if change else "0"
