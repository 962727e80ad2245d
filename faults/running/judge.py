"""Figures of a run: lost and doubled rows, invariants, and torn reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from sqlalchemy import Engine

from emulator import World
from faults import oracle
from faults.harness import Harness
from faults.invariants import broken
from faults.running.accounts import EmulatedAccounts
from faults.running.killer import Kill
from faults.running.readers import Looks
from pipelines.load.rebuild import rebuild_account


def figures(
    kills: Sequence[Kill], emulated: EmulatedAccounts, world: World, harness: Harness, looks: Looks, wrong: list[str]
) -> dict[str, Any]:
    """Return the figures as JSON. ``wrong`` are errors found before the end."""
    lost, doubled, snapshots = Counter[str](), Counter[str](), 0
    for account_id in emulated.ids:
        count, its_lost, its_doubled, of_another_time = rows_of(harness.engine, emulated, account_id)
        snapshots += count
        lost += its_lost
        doubled += its_doubled
        wrong = [
            *wrong,
            *of_another_time,
            *broken_of(harness.engine, [account_id]),
            *rebuilt_otherwise(harness, account_id),
        ]
        with harness.engine.connect() as connection:
            wrong += [f"account {account_id}: I8 {one}" for one in oracle.false_endings(connection, world, account_id)]
    return {
        "is_held": not (wrong or looks.torn or lost or doubled),
        **{f"killed: {kind}": kill_figures(kills, kind) for kind in sorted({one.kind for one in kills})},
        "loads_killed": sum(len(one.accounts) for one in kills),
        "accounts": len(emulated.ids),
        "states_shown": sum(map(len, emulated.states.values())),
        "snapshots": snapshots,
        "looks": looks.count,
        "looks_a_second": round(looks.count / max(looks.seconds, 1e-9)),
        "snapshots_seen_by_the_readers": len(looks.snapshots),
        "torn_reads": len(looks.torn),
        "rows_lost": lost.total(),
        "rows_doubled": doubled.total(),
        "wrong": [*wrong, *looks.torn][:20],
    }


def kill_figures(kills: Sequence[Kill], kind: str) -> dict[str, Any]:
    """Figures of the kills of one kind."""
    mine = [one for one in kills if one.kind == kind]
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
    """Yield broken invariants of these accounts."""
    with engine.connect() as connection:
        for account_id in account_ids:
            yield from (f"account {account_id}: {one}" for one in broken(connection, account_id))


def rows_of(
    engine: Engine, emulated: EmulatedAccounts, account_id: int
) -> tuple[int, Counter[str], Counter[str], list[str]]:
    """Count snapshots, lost rows and doubled rows, and list states of another time."""
    lost, doubled, wrong = Counter[str](), Counter[str](), list[str]()
    states = emulated.states[account_id]
    with engine.connect() as connection:
        stored = oracle.stored_snapshots(connection, account_id)
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


def rebuilt_otherwise(harness: Harness, account_id: int) -> Iterator[str]:
    """I7: tables rebuilt from raw responses are equal."""
    rebuild_account(harness.engine, harness.rebuilt, account_id)
    with harness.engine.connect() as ours, harness.rebuilt.connect() as others:
        if oracle.table_contents(ours, account_id) != oracle.table_contents(others, account_id):
            yield f"account {account_id}: I7 tables rebuilt from raw responses differ"
