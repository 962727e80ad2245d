"""I/O manager that passes a load between steps as a reference; its responses are in Postgres.

A run that is re-executed from its failure, on any machine, publishes what it had fetched before.
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
"""Latest materializations that are searched for the one of the same run."""


class LoadReferenceIOManager(dg.IOManager):
    """Stores a ``LoadReference`` in the metadata of its asset's materialization."""

    def handle_output(self, context: dg.OutputContext, obj: LoadReference) -> None:
        """Store the reference."""
        context.add_output_metadata({REFERENCE_KEY: dg.MetadataValue.json(reference_to_json(obj))})

    def load_input(self, context: dg.InputContext) -> LoadReference:
        """Return the load of the run that produced the input, or the account's latest if that run is unknown."""
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
            description=f"Account '{context.partition_key}' was never fetched.",
            metadata={"what_to_do": "Materialize amocrm/raw_answer too, or run the job load_account."},
            allow_retries=False,
        )


def reference_to_json(extracted: LoadReference) -> dict[str, Any]:
    """Convert the reference to JSON."""
    return asdict(extracted) | {"observed_at": extracted.observed_at.isoformat(), "load_id": str(extracted.load_id)}


def reference_from_json(reference: Any) -> LoadReference:
    """Parse the reference from JSON."""
    return LoadReference(
        **reference
        | {"observed_at": datetime.fromisoformat(reference["observed_at"]), "load_id": UUID(reference["load_id"])}
    )
