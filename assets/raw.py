"""The answers of amoCRM, kept as received: the only asset that asks the API. What they mean comes after it."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator

import dagster as dg

from assets import checks
from assets.failures import RETRIES, told_to_dagster
from assets.partitions import ACCOUNTS
from assets.resources import Workbench
from assets.specs import CODE_VERSION, OWNERS, RAW_ANSWER, TABLES, table_metadata
from pipelines.access import lasting
from pipelines.ask import Extracted
from pipelines.errors import WarehouseError
from pipelines.failure_note import failure_noted, usable
from pipelines.load import extract_load


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
    check_specs=[*checks.BLOCKING, checks.TOKEN],
    io_manager_key="hand_over",
    retry_policy=RETRIES,
)
def raw_answer(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Extracted]]:
    """Ask for all that amoCRM says of the account, and check that it can be relied upon."""
    with told_to_dagster():
        engine, clock, run_id = workbench.engine, workbench.clock, context.run.run_id
        listed = workbench.settings.any_account(context.partition_key)
        account = usable(engine, listed, clock=clock, run_id=run_id)
        with failure_noted(engine, account.key, started_at=clock.now(), clock=clock, run_id=run_id):
            token = lasting(account, workbench.settings)
        yield checks.token_lasts(token, clock.now())
        try:
            extracted = extract_load(engine, account, workbench.settings, clock=clock, run_id=run_id)
        except WarehouseError as error:
            yield from checks.blocked(error)
            raise
        yield from checks.passed()
        yield dg.MaterializeResult(
            value=extracted,
            metadata={
                "observed_at": dg.MetadataValue.timestamp(extracted.observed_at),
                "requests": extracted.request_count,
                "bytes": extracted.byte_count,
                "seconds": extracted.duration_seconds,
            },
        )
