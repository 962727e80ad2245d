"""How a load gets from one step to the next: as a reference in the event log, while its answers lie in Postgres.

So a run that is executed again from its failure, on whichever machine, publishes what was asked before it failed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import dagster as dg

from pipelines.load.fetch import LoadReference

REFERENCE_KEY: Final = "load"
MAX_MATERIALIZATIONS: Final = 20
"""Materializations looked through for the one of the same run."""


class LoadReferenceIOManager(dg.IOManager):
    """Keeps an ``Extracted`` as metadata of its asset's materialization, and reads it from there."""

    def handle_output(self, context: dg.OutputContext, obj: LoadReference) -> None:
        """Write the reference down."""
        context.add_output_metadata({REFERENCE_KEY: dg.MetadataValue.json(reference_to_json(obj))})

    def load_input(self, context: dg.InputContext) -> LoadReference:
        """The load of the run that produced the input; where that is unknown, the account's newest."""
        instance = context.step_context.instance
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=[context.partition_key]),
            limit=MAX_MATERIALIZATIONS,
        ).records
        producer = context.upstream_output.run_id if context.upstream_output else None
        produced = [record for record in records if record.run_id in (producer, context.step_context.run_id)]
        for record in produced or records:
            materialization = record.asset_materialization
            if materialization and REFERENCE_KEY in materialization.metadata:
                return reference_from_json(materialization.metadata[REFERENCE_KEY].value)
        raise dg.Failure(
            description=f"Account '{context.partition_key}' was never asked.",
            metadata={"what_to_do": "Materialize amocrm/raw_answer too, or run the job load_account."},
            allow_retries=False,
        )


def reference_to_json(extracted: LoadReference) -> dict[str, Any]:
    """The reference as JSON."""
    return asdict(extracted) | {"observed_at": extracted.observed_at.isoformat(), "load_id": str(extracted.load_id)}


def reference_from_json(reference: Any) -> LoadReference:
    """The reference from JSON."""
    return LoadReference(
        **reference
        | {"observed_at": datetime.fromisoformat(reference["observed_at"]), "load_id": UUID(reference["load_id"])}
    )
