"""Sources of view columns, as Postgres' parsed queries name them."""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.warehouse.catalog import read_catalog

VIEWS = {
    "plain": ("select account_id as x from amocrm.account", ["account.account_id"]),
    "an expression": ("select coalesce(name, host) as x from amocrm.account", ["account.host", "account.name"]),
    "conditions do not count": (
        "select name as x from amocrm.account where host = 'a' order by account_key",
        ["account.name"],
    ),
    "a join, and columns that it merges": (
        "select account_id as x from amocrm.snapshot full join amocrm.account using (account_id)",
        ["account.account_id", "snapshot.account_id"],
    ),
    "a subquery with a group": (
        "select x from (select max(observed_at) as x, account_id as y from amocrm.snapshot group by account_id) as s",
        ["snapshot.observed_at"],
    ),
    "a grouped column": ("select account_id as x from amocrm.snapshot group by account_id", ["snapshot.account_id"]),
    "a common table expression": (
        "with s as (select host, name from amocrm.account) select s.name as x from s",
        ["account.name"],
    ),
    "a recursive one": (
        "with recursive s as (select name, 1 as n from amocrm.account union all select name, n + 1 from s where n < 3)"
        " select name as x from s",
        ["account.name"],
    ),
    "a union": (
        "select name as x from amocrm.account union all select name from amocrm.segment_version",
        ["account.name", "segment_version.name"],
    ),
    "a lateral subquery that uses the outer query": (
        "select l.x from amocrm.account as a cross join lateral (select a.name as x, a.host) as l",
        ["account.name"],
    ),
    "a scalar subquery": (
        "select (select max(customers_count) from amocrm.segment_size as s where s.account_id = a.account_id) as x"
        " from amocrm.account as a",
        ["segment_size.customers_count"],
    ),
    "one column of values": (
        "select v.b as x from amocrm.account as a cross join lateral (values (a.name, a.host)) as v (a, b)",
        ["account.host"],
    ),
    "a function's result": (
        "select f as x from amocrm.account as a cross join lateral unnest(string_to_array(a.name, ' ')) as f",
        ["account.name"],
    ),
    "a constant, with a word that looks like a bracket": ("select '{}) :x'::text as x from amocrm.account", []),
    "a view": ("select name as x from analytics.segments", ["segments.name"]),
}


def test_sources_of_a_view_column(engine: Engine) -> None:
    with engine.connect() as connection:
        for number, (query, _) in enumerate(VIEWS.values()):
            connection.exec_driver_sql(f"create view analytics.view_{number} as {query}")
        catalog = {table.name: table for table in read_catalog(connection)}
    found = {
        case: [source.split(".", 1)[1] for source in catalog[f"view_{number}"].columns[0].sources]
        for number, case in enumerate(VIEWS)
    }
    assert found == {case: expected for case, (_, expected) in VIEWS.items()}
