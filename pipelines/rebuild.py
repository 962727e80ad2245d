"""Making an account's tables anew from its raw answers, in an empty database. The answers are read, never changed."""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.amocrm.read import read_snapshot
from pipelines.errors import DatabaseError
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import Origin, publish
from pipelines.warehouse.raw import read_answers
from pipelines.warehouse.statements import statement


def rebuild_account(source: Engine, target: Engine, account_id: int) -> int:
    """Publish every snapshot of the account again, from the answers kept in ``source`` into ``target``; how many.

    Raises ``DatabaseError`` at the first snapshot whose answers have been purged.
    """
    with transaction(source) as connection:
        loads = connection.execute(statement("ledger"), {"account_id": account_id}).all()
    for load in loads:
        with transaction(source) as connection:
            answers = read_answers(connection, account_id, load.observed_at, load.load_id)
        if not answers:
            raise DatabaseError(
                f"the answers of the snapshot of {load.observed_at.isoformat()} are not kept any more.",
                account=load.account_key,
                advice="Only snapshots within AMOCRM_RAW_RETENTION_DAYS can be made anew.",
            )
        publish(
            target,
            read_snapshot(answers, load.observed_at),
            Origin(
                account_key=load.account_key,
                host=load.host,
                load_id=load.load_id,
                request_count=load.request_count,
                byte_count=load.byte_count,
                duration_seconds=load.duration_seconds,
                run_id=load.run_id,
            ),
        )
    return len(loads)
