"""The alerts on sizes: a step after publishing, which tells whom the settings name and cannot make a load fail."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from typing import Final

import dagster as dg

from assets.failures import told_to_dagster
from assets.partitions import ACCOUNTS
from assets.resources import Workbench
from assets.specs import SNAPSHOT, TABLES, table_spec
from pipelines.size_alerts.tell import tell_of_sizes

SIZE_ALERT: Final = table_spec(
    TABLES["amocrm", "size_alert"],
    group="history",
    deps=[SNAPSHOT, *(dg.AssetKey(["amocrm", name]) for name in ("segment_current", "segment_size"))],
    kinds={"postgres"},
)


@dg.multi_asset(
    name="tell_of_sizes",
    specs=[SIZE_ALERT],
    partitions_def=ACCOUNTS,
    description="Tell of sizes that changed by as much as the account's rules say: each event once, by the webhook.",
)
def size_alerts(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> dg.MaterializeResult[None]:
    """Tell of what changed, and note how many were told."""
    with told_to_dagster():
        account = workbench.account(context.partition_key)
        told = tell_of_sizes(workbench.engine, account, workbench.settings, clock=workbench.clock)
    metadata: dict[str, int | str] = {"begun": told.begun_count, "told": told.told_count}
    if told.trouble:
        context.log.warning(told.trouble)
        metadata["trouble"] = told.trouble
    return dg.MaterializeResult(asset_key=SIZE_ALERT.key, metadata=metadata)
