"""Raw responses of amoCRM, stored as received: the only asset that calls the API."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator

import dagster as dg

from assets import checks
from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import CODE_VERSION, OWNERS, RAW_ANSWER, TABLES, table_metadata
from pipelines.base.errors import WarehouseError
from pipelines.load.access import token_expiry
from pipelines.load.failure_record import failures_recorded
from pipelines.load.fetch import LoadReference
from pipelines.load.load import extract_load


@dg.asset(
    key=RAW_ANSWER,
    description=TABLES["amocrm", "raw_answer"].comment,
    metadata=table_metadata(TABLES["amocrm", "raw_answer"]),
    group_name="raw",
    kinds={"api", "postgres"},
    owners=list(OWNERS),
    code_version=CODE_VERSION,
    tags={"source": "amocrm"},
    partitions_def=ACCOUNTS,
    check_specs=[*checks.BLOCKING, checks.TOKEN_EXPIRY],
    io_manager_key="hand_over",
    retry_policy=RETRY_POLICY,
)
def raw_answer(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[LoadReference]]:
    """Fetch the account, store the responses, and check that they are complete and valid."""
    with errors_shown():
        settings, clock = workbench.settings, workbench.clock
        load = workbench.load_context(settings.any_account(single_partition(context)), context.run.run_id)
        with failures_recorded(load, clock.now()):
            token = token_expiry(load.account, settings)
        yield checks.check_token_expiry(token, clock.now())
        try:
            extracted = extract_load(load)
        except WarehouseError as error:
            yield from checks.failing_results(error)
            raise
        yield from checks.passing_results()
        yield dg.MaterializeResult(
            value=extracted,
            metadata={
                "observed_at": dg.MetadataValue.timestamp(extracted.observed_at),
                "requests": extracted.request_count,
                "bytes": extracted.byte_count,
                "seconds": extracted.duration_seconds,
            },
        )
