"""A warehouse of two accounts: a reader's own, and one whose values the reader must not learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import psycopg

from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.publish import publish
from pipelines.warehouse.readers import create_account_reader
from tests.records import ACCOUNT_ID, origin
from tests.sample_history import HISTORY, publish_history

HIDDEN_ID: Final = ACCOUNT_ID + 1
HIDE: Final = """
    update amocrm.account set name = 'Zebra Trading', account_key = 'zebra' where account_id = 1002;
    update amocrm.segment_version set name = 'Zebra ' || segment_id where account_id = 1002 and valid_to is null;
    update amocrm.field_version set name = 'Zeal ' || field_id where account_id = 1002 and valid_to is null;
    update amocrm.segment_size set customers_count = 48151623
    where account_id = 1002 and customers_count is not null;
    update amocrm.segment_current set customers_count = 48151623 where account_id = 1002;
    insert into amocrm.load_failure
    select 'zebra', now() - make_interval(mins => number), 1002, now(), 'Unavailable', repeat('zeal ', 3000), null
    from generate_series(1, 50) as number;
""".replace("1002", str(HIDDEN_ID))
SHADOWED: Final = """
    create temp table pg_roles (rolname name, oid oid);
    insert into pg_temp.pg_roles
    select 'amocrm_reader_' || id, current_user::regrole::oid from unnest(array[{own}, {hidden}]) as id;
    create temp table pg_auth_members (roleid oid, member oid);
    create temp table role_name (name text, purpose text, account_id bigint);
    grant select on pg_temp.pg_roles, pg_temp.pg_auth_members, pg_temp.role_name to public;
"""


def create_hidden_account(url: str) -> None:
    """Publish both accounts in a migrated database, and create the reader of one."""
    engine = open_engine(url)
    publish_history(engine)
    for seen in HISTORY:
        publish(engine, replace(seen, account=replace(seen.account, id=HIDDEN_ID)), origin(account_key="other"))
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(HIDE.encode())
        owner.execute("analyze")  # statistics of all accounts, which the first reader has removed
    create_account_reader(engine, ACCOUNT_ID)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("vacuum (analyze)")
    engine.dispose()
