"""Alerts on sizes and changes: a step after publishing that cannot make the load fail."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from typing import Final

import dagster as dg

from assets.dagster_errors import errors_shown
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import SNAPSHOT, TABLES, table_spec
from pipelines.alerts.after_load import send_alerts

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
    description=(
        "Send an alert about sizes that changed as the account's rules describe, once per event, and about stages, "
        "segments and modes that changed, once per change."
    ),
)
def size_alerts(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult[None]:
    """Send the alerts that the account's rules require, and report how many."""
    with errors_shown():
        account = workbench.settings.account(single_partition(context))
        result = send_alerts(workbench.engine, account, workbench.settings, clock=workbench.clock)
    metadata: dict[str, int | str] = {
        "begun": result.sizes.started_count,
        "told": result.sizes.sent_count,
        "changes": result.change_count,
    }
    if result.failure:
        context.log.warning(result.failure)
        metadata["failure"] = result.failure
    return dg.MaterializeResult(asset_key=SIZE_ALERT.key, metadata=metadata)
