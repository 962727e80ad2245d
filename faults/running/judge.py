"""What came of a hunt: rows lost and doubled against what was shown, the invariants, and what the reader saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from sqlalchemy import Engine

from emulator import World
from faults import witness
from faults.invariants import broken
from faults.lab import Lab
from faults.running.crowd import Crowd
from faults.running.poller import Looks
from faults.running.struck import Strike
from pipelines.rebuild import rebuild_account


def figures(
    strikes: Sequence[Strike], crowd: Crowd, world: World, lab: Lab, looks: Looks, wrong: list[str]
) -> dict[str, Any]:
    """Everything, ready to be written as JSON. ``wrong`` is what was found before the end."""
    lost, doubled, snapshots = Counter[str](), Counter[str](), 0
    for account_id in crowd.ids:
        count, its_lost, its_doubled, of_another_time = rows_of(lab.engine, crowd, account_id)
        snapshots += count
        lost += its_lost
        doubled += its_doubled
        wrong = [*wrong, *of_another_time, *broken_of(lab.engine, [account_id]), *rebuilt_otherwise(lab, account_id)]
        with lab.engine.connect() as connection:
            wrong += [f"account {account_id}: I8 {one}" for one in witness.false_endings(connection, world, account_id)]
    return {
        "is_held": not (wrong or looks.torn or lost or doubled),
        **{f"killed: {kind}": told(strikes, kind) for kind in sorted({one.kind for one in strikes})},
        "loads_killed": sum(len(one.accounts) for one in strikes),
        "accounts": len(crowd.ids),
        "states_shown": sum(map(len, crowd.states.values())),
        "snapshots": snapshots,
        "looks": looks.count,
        "looks_a_second": round(looks.count / max(looks.seconds, 1e-9)),
        "snapshots_seen_by_the_readers": len(looks.snapshots),
        "torn_reads": len(looks.torn),
        "rows_lost": lost.total(),
        "rows_doubled": doubled.total(),
        "wrong": [*wrong, *looks.torn][:20],
    }


def told(strikes: Sequence[Strike], kind: str) -> dict[str, Any]:
    """What was killed of a kind, and where its loads were."""
    mine = [one for one in strikes if one.kind == kind]
    phases = Counter[str]()
    for one in mine:
        phases.update(one.phases)
    return {
        "processes": len(mine),
        "loads": sum(len(one.accounts) for one in mine),
        "phases": dict(phases.most_common()),
        "seconds_from_first_request_median": round(median(one.seconds for one in mine), 3),
        "seconds_from_first_request_longest": round(max(one.seconds for one in mine), 3),
    }


def broken_of(engine: Engine, account_ids: Iterable[int]) -> Iterator[str]:
    """What is not as it must be in the tables of these accounts."""
    with engine.connect() as connection:
        for account_id in account_ids:
            yield from (f"account {account_id}: {one}" for one in broken(connection, account_id))


def rows_of(engine: Engine, crowd: Crowd, account_id: int) -> tuple[int, Counter[str], Counter[str], list[str]]:
    """Snapshots of an account; rows that they lack, rows that they should not have; and states of another time."""
    lost, doubled, wrong = Counter[str](), Counter[str](), list[str]()
    states = crowd.states[account_id]
    with engine.connect() as connection:
        stored = witness.stored_snapshots(connection, account_id)
        ledger = connection.exec_driver_sql(
            "select observed_at, published_at from amocrm.snapshot where account_id = %s", (account_id,)
        )
        published = {row[0]: row[1] for row in ledger}
    for observed_at, rows in stored.items():
        number = int(rows[0][1].partition("|")[0]) if rows else 0
        right = states[number]
        lost += Counter(map(repr, right.rows)) - Counter(map(repr, rows))
        doubled += Counter(map(repr, rows)) - Counter(map(repr, right.rows))
        is_over = number + 1 < len(states) and states[number + 1].since < observed_at
        if is_over or right.since > published[observed_at]:
            wrong.append(f"account {account_id}: the snapshot of {observed_at} shows state {number}")
    return len(stored), lost, doubled, wrong


def rebuilt_otherwise(lab: Lab, account_id: int) -> Iterator[str]:
    """I7: made anew from the raw answers the tables are the same."""
    rebuild_account(lab.engine, lab.rebuilt, account_id)
    with lab.engine.connect() as ours, lab.rebuilt.connect() as others:
        if witness.table_contents(ours, account_id) != witness.table_contents(others, account_id):
            yield f"account {account_id}: I7 made anew from raw answers, the tables are others"
