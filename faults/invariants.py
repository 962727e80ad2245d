"""Invariants I1 to I6 as plain SQL, without code of the pipeline.

I7 (rebuilt tables are equal) and I8 (no false ending) are checked by ``account_under_test``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

VERSIONS: Final = {
    "stage_version": "stage_id",
    "field_version": "field_id",
    "option_version": "field_id, option_id",
    "segment_version": "segment_id",
}
CHILDREN: Final = {
    "stage_rule": ("stage_version", "stage_id"),
    "segment_price_field": ("segment_version", "segment_id"),
    "segment_field_value": ("segment_version", "segment_id"),
    "segment_current": ("segment_version", "segment_id"),
}
COUNTS: Final = {
    "stage_version": "stage_count",
    "field_version": "field_count",
    "option_version": "option_count",
    "segment_version": "segment_count",
}


def _half_snapshots() -> str:
    moments = [f"select account_id, valid_from as at from amocrm.{table}" for table in VERSIONS]
    moments += [f"select account_id, valid_to from amocrm.{table} where valid_to is not null" for table in VERSIONS]
    moments += ["select account_id, observed_at from amocrm.segment_size"]
    return f"""
        select at from ({" union all ".join(moments)}) as moment where account_id = :account_id and not exists (
            select from amocrm.snapshot as s where s.account_id = moment.account_id and s.observed_at = moment.at)
    """


def _overlaps() -> str:
    return " union all ".join(
        f"""
        select '{table}' from (
            select valid_to, lead(valid_from) over (partition by {keys} order by valid_from) as next_from
            from amocrm.{table} where account_id = :account_id
        ) as version where next_from is not null and (valid_to is null or valid_to > next_from)
        """
        for table, keys in VERSIONS.items()
    )


def _open_versions() -> str:
    return " union all ".join(
        f"""
        select '{table}' from (
            select {count} from amocrm.snapshot
            where account_id = :account_id order by observed_at desc limit 1
        ) as newest where coalesce({count}, 0) is distinct from (
            select count(*) from amocrm.{table} where account_id = :account_id and valid_to is null)
        """
        for table, count in COUNTS.items()
    )


def _orphans() -> str:
    return " union all ".join(
        f"""
        select '{child}' from amocrm.{child} as child where child.account_id = :account_id and not exists (
            select from amocrm.{parent} as parent where parent.account_id = child.account_id
                and parent.{key} = child.{key} and parent.valid_from = child.valid_from)
        """
        for child, (parent, key) in CHILDREN.items()
    )


INVARIANTS: Final = {
    "I1 a snapshot is published whole or not at all": _half_snapshots(),
    "I2 snapshots are in strict order": """
        select observed_at from (
            select observed_at, published_at, lag(published_at) over (order by observed_at) as before
            from amocrm.snapshot where account_id = :account_id
        ) as s where before > published_at
    """,
    "I3 versions of an entity never overlap": _overlaps(),
    "I4 open versions are those of the latest snapshot": _open_versions(),
    "I6 every row belongs to one account": _orphans(),
}
"""Each query returns violations."""


BROKEN: Final = " union all ".join(
    f"select '{name}' where exists ({question})" for name, question in INVARIANTS.items()
)


def broken(connection: Connection, account_id: int) -> list[str]:
    """Return the invariants that an account's tables break."""
    return list(connection.scalars(text(f"{BROKEN} order by 1"), {"account_id": account_id}))
