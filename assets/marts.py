"""The views that analysts read. They are always true; materializing them notes what they show after a load."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator

import dagster as dg

from assets import checks
from assets.failures import RETRIES, told_to_dagster
from assets.partitions import ACCOUNTS
from assets.resources import Workbench
from assets.small_tables import small_table
from assets.specs import VIEWS
from pipelines.overview import Overview, read_overview
from pipelines.picture import as_data_address, size_picture
from pipelines.wording import clean


@dg.multi_asset(
    name="views",
    specs=VIEWS,
    check_specs=[checks.JUMPS],
    partitions_def=ACCOUNTS,
    can_subset=False,
    retry_policy=RETRIES,
    description="Note what the views show of the account now: rows, sizes, and what changed lately.",
)
def marts(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Note what each view shows."""
    with told_to_dagster():
        overview = read_overview(workbench.engine, context.partition_key)
    for spec in VIEWS:
        yield dg.MaterializeResult(asset_key=spec.key, metadata=what_it_shows(spec.key.path[-1], overview))
    yield checks.sizes_are_usual(overview.jumps)


def what_it_shows(view: str, overview: Overview) -> dict[str, dg.MetadataValue | int]:
    """What there is to see in a view."""
    shown: dict[str, dg.MetadataValue | int] = {"observed_at": dg.MetadataValue.timestamp(overview.observed_at)}
    if view in overview.row_counts:
        shown["dagster/partition_row_count"] = overview.row_counts[view]
    if view == "segment_sizes_daily":
        picture = as_data_address(size_picture(overview.sizes))
        shown["sizes_by_day"] = dg.MetadataValue.md(f"![Sizes of the largest segments, day by day]({picture})")
    if view == "segment_trends":
        shown["sizes"] = small_table(
            ("segment", "size", "1 day", "7 days", "30 days"),
            (
                (
                    clean(one.name or ""),
                    one.size,
                    *map(signed, (one.change_1_day, one.change_7_days, one.change_30_days)),
                )
                for one in overview.sizes
            ),
        )
    if view == "changes":
        shown["what_changed_lately"] = small_table(
            ("seen first (UTC)", "what"), ((f"{one.observed_at:%Y-%m-%d %H:%M}", one.text) for one in overview.news)
        )
    return shown


def signed(change: int | None) -> str:
    """A change with its sign; nothing where there is no size to compare with."""
    return "" if change is None else f"{change:+,}" if change else "0"
