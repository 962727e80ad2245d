"""Migrations on real databases: applied, refused, and views of others."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

import sql
from pipelines.base.errors import MigrationError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import MigrationResult, check_schema, list_pending, migrate
from pipelines.warehouse.sql_files import View, read_views
from tests.accounts import fetch_rows

BASE = "create table amocrm.thing (id bigint primary key, name text, old text);"
VIEW = "create or replace view analytics.things as select id, name, old from amocrm.thing;"
NAMES = "create or replace view analytics.names as select name from analytics.things;"

Write = Callable[..., Path]


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes migrations and views of its own; a text of None removes the file."""

    def files_of(migrations: dict[str, str | None] | None = None, views: dict[str, str | None] | None = None) -> Path:
        for folder, wanted in (("migrations", migrations), ("views", views)):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name, content in (wanted or {}).items():
                file = tmp_path / folder / f"{name}.sql"
                if content is None:
                    file.unlink()
                else:
                    file.write_text(content)
        return tmp_path

    return files_of


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def test_applies_everything_once(empty: Engine, write: Write) -> None:
    source = write(
        {"0001_base": BASE, "0002_more": "create table amocrm.more (id bigint);"}, {"things": VIEW, "names": NAMES}
    )
    assert list_pending(empty, source) == ("0001_base.sql", "0002_more.sql", "views")
    with pytest.raises(MigrationError, match=r"0001_base\.sql, 0002_more\.sql, views.*Run '\./run migrate'"):
        check_schema(empty, source)
    assert migrate(empty, source) == MigrationResult(
        migrations=("0001_base.sql", "0002_more.sql"),
        views=("things", "names"),
        granted=("amocrm_reader", "amocrm_loader"),
    )
    check_schema(empty, source)
    assert migrate(empty, source) == MigrationResult(migrations=(), views=())


def test_applies_what_is_new_only(empty: Engine, write: Write) -> None:
    migrate(empty, write({"0001_base": BASE}))
    source = write({"0002_more": "create table amocrm.more (id bigint);"})
    assert list_pending(empty, source) == ("0002_more.sql",)
    assert migrate(empty, source).migrations == ("0002_more.sql",)


def test_a_failure_keeps_what_was_finished_and_nothing_of_itself(empty: Engine, write: Write) -> None:
    broken = "create table amocrm.half (id bigint); select 1 / 0;"
    source = write({"0001_base": BASE, "0002_broken": broken}, {"things": VIEW})
    with pytest.raises(
        MigrationError, match=r"0002_broken\.sql could not be applied and was rolled back.*division by zero"
    ):
        migrate(empty, source)
    assert fetch_rows(empty, "select to_regclass('amocrm.thing') is null, to_regclass('amocrm.half') is null") == [
        (False, True)
    ]
    assert list_pending(empty, source) == ("0002_broken.sql", "views")
    write({"0002_broken": "select 1;"})
    assert migrate(empty, source).migrations == ("0002_broken.sql",)


def test_refuses_what_was_edited(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE})
    migrate(empty, source)
    write({"0001_base": BASE + " -- harmless?"})
    for refused in (migrate, list_pending, check_schema):
        with pytest.raises(
            MigrationError, match=r"0001_base\.sql was already applied, but this version's file differs"
        ):
            refused(empty, source)


def test_line_ends_of_windows_are_no_edit(empty: Engine, write: Write) -> None:
    source = write({"0001_base": "-- one\n-- two\n" + BASE})
    migrate(empty, source)
    (source / "migrations" / "0001_base.sql").write_bytes(("-- one\r\n-- two\r\n" + BASE).encode())
    check_schema(empty, source)


def test_refuses_a_database_that_is_newer(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE, "0002_more": "select 1;"})
    migrate(empty, source)
    write({"0002_more": None})
    for refused in (migrate, list_pending, check_schema):
        with pytest.raises(MigrationError, match=r"newer than this program, .*0002_more\.sql"):
            refused(empty, source)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("0003_gap", "select 1;", "0003_gap.sql should have the number 0001"),
        ("first", "select 1;", "first.sql has an invalid name"),
        ("0001_psql", "select 1;\n\\copy x from y\n", r"0001_psql.sql has '\\copy'"),
        ("0001_commit", "select 1; COMMIT; select 2;", "0001_commit.sql has 'COMMIT'"),
    ],
)
def test_refuses_files_that_cannot_be_applied_safely(
    empty: Engine, write: Write, name: str, content: str, message: str
) -> None:
    with pytest.raises(MigrationError, match=message):
        migrate(empty, write({name: content}))
    assert fetch_rows(empty, "select to_regnamespace('amocrm')") == [(None,)]


def test_text_reaches_the_server_as_it_is(empty: Engine, write: Write) -> None:
    awkward = r"""
    create table amocrm.note (body text default '100% :sure %s %(x)s {} $1; commit; -- no comment');
    comment on table amocrm.note is 'It''s \d :here';
    do $$ begin insert into amocrm.note default values; end $$;
    """
    migrate(empty, write({"0001_awkward": awkward}))
    assert fetch_rows(empty, "select body from amocrm.note") == [("100% :sure %s %(x)s {} $1; commit; -- no comment",)]


def test_two_at_once_apply_everything_once(empty_database_url: str, write: Write) -> None:
    source = write(
        {f"{number:04}_step": f"create table amocrm.step_{number} (id bigint);" for number in range(1, 9)}, {}
    )
    engines = [open_engine(empty_database_url) for _ in range(4)]
    start = threading.Barrier(len(engines))
    done: list[MigrationResult] = []

    def work(engine: Engine) -> None:
        start.wait()
        done.append(migrate(engine, source))

    threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert sorted(name for migrated in done for name in migrated.migrations) == [
        f"{number:04}_step.sql" for number in range(1, 9)
    ]


def test_the_lock_ends_with_migrating(empty: Engine, write: Write, empty_database_url: str) -> None:
    migrate(empty, write({"0001_base": BASE}))
    with psycopg.connect(empty_database_url) as other:
        held = other.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    assert held == (0,)


def test_views_are_rebuilt_if_one_changed_or_is_missing(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW, "names": NAMES})
    migrate(empty, source)
    write(views={"names": "create or replace view analytics.names as select name, 1 as one from analytics.things;"})
    assert migrate(empty, source).views == ("things", "names")
    assert fetch_rows(empty, "select one from analytics.names") == []
    run(empty, "drop view analytics.names")
    assert list_pending(empty, source) == ("views",)
    assert migrate(empty, source).views == ("things", "names")


def test_a_view_that_left_the_program_is_dropped_and_others_are_not(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW, "names": NAMES})
    migrate(empty, source)
    run(empty, "create view analytics.mine as select 1 as one")
    write(views={"names": None})
    migrate(empty, source)
    assert fetch_rows(
        empty, "select table_name from information_schema.views where table_schema = 'analytics' order by 1"
    ) == [
        ("mine",),
        ("things",),
    ]


def test_a_view_that_loses_a_column_is_replaced_and_its_grants_stay(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW, "names": NAMES})
    migrate(empty, source)
    run(
        empty,
        "grant select on analytics.things to public; grant select on analytics.names to pg_monitor with grant option",
    )
    write(views={"things": "create or replace view analytics.things as select name from amocrm.thing;"})
    migrate(empty, source)
    granted = """
        select relation.relname, acl.grantee::regrole::text, acl.is_grantable
        from pg_class as relation cross join aclexplode(relation.relacl) as acl
        where relation.relnamespace = 'analytics'::regnamespace and acl.grantee <> relation.relowner order by 1, 2
    """
    assert fetch_rows(empty, granted) == [
        ("names", "amocrm_loader", False),
        ("names", "amocrm_reader", False),
        ("names", "pg_monitor", True),
        ("things", "-", False),
        ("things", "amocrm_loader", False),
        ("things", "amocrm_reader", False),
    ]
    assert fetch_rows(empty, "select name from amocrm.schema_view where grants <> '{}'") == []


def test_a_migration_gets_past_our_views(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW, "names": NAMES})
    migrate(empty, source)
    run(empty, "grant select on analytics.names to public")
    write(
        {
            "0002_drop": "alter table amocrm.thing drop column old;",
            "0003_type": "alter table amocrm.thing alter id type int;",
        },
        {"things": "create or replace view analytics.things as select id, name from amocrm.thing;"},
    )
    assert migrate(empty, source).migrations == ("0002_drop.sql", "0003_type.sql")
    check_schema(empty, source)
    assert fetch_rows(empty, "select has_table_privilege('pg_monitor', 'analytics.names', 'select')") == [(True,)]


def test_what_others_built_on_our_views_survives_where_replacing_can_keep_it(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW})
    migrate(empty, source)
    run(
        empty,
        "insert into amocrm.thing values (1, 'a', 'b'); create view public.mine as select name from analytics.things",
    )
    write(views={"things": "create or replace view analytics.things as select id, 'A' as name, old from amocrm.thing;"})
    migrate(empty, source)
    assert fetch_rows(empty, "select name from public.mine") == [("A",)]


def test_what_others_built_on_our_views_is_named_where_it_is_in_the_way(empty: Engine, write: Write) -> None:
    source = write({"0001_base": BASE}, {"things": VIEW})
    migrate(empty, source)
    run(empty, "create view public.mine as select name from analytics.things")
    write(views={"things": "create or replace view analytics.things as select id from amocrm.thing;"})
    with pytest.raises(MigrationError, match=r"view public\.mine depends on view analytics\.things.*Drop what depends"):
        migrate(empty, source)
    assert fetch_rows(empty, "select name, old from analytics.things") == []


def test_views_that_use_each_other_in_a_circle_are_refused(empty: Engine, write: Write) -> None:
    one = "create or replace view analytics.one as select * from analytics.two;"
    two = "create or replace view analytics.two as select * from analytics.one;"
    with pytest.raises(MigrationError, match="in a circle"):
        migrate(empty, write({}, {"one": one, "two": two}))


def test_a_name_in_a_comment_is_no_use(empty: Engine, write: Write) -> None:
    one = "-- see analytics.two\ncreate or replace view analytics.one as select 'analytics.two' as name;"
    two = "create or replace view analytics.two as select name from analytics.one;"
    assert migrate(empty, write({}, {"one": one, "two": two})).views == ("one", "two")


def test_a_view_that_only_the_body_of_a_function_reads_is_created_before_it(empty: Engine, write: Write) -> None:
    one = """
        create or replace view analytics.one as select 1 as id;
        create or replace function analytics.name_of_two() returns text
        language sql stable as $$ select two.name from analytics.two $$;
    """
    two = "create or replace view analytics.two as select 'two' as name;"
    assert migrate(empty, write({}, {"one": one, "two": two})).views == ("two", "one")


def test_the_program_s_own_schema_is_complete(engine: Engine) -> None:
    check_schema(engine)


@pytest.mark.parametrize("view", read_views(files(sql) / "views"), ids=lambda view: view.name)
def test_each_view_has_the_name_of_its_file_and_can_be_replaced(view: View) -> None:
    """Functions that the view calls may come before it."""
    assert re.findall(r"^create .*\bview .*", view.text, flags=re.MULTILINE) == [
        f"create or replace view analytics.{view.name} as"
    ]


def test_a_view_like_another_one_has_its_text_with_texts_replaced_in_order(write: Write) -> None:
    one = "create or replace view analytics.cat_names as select cat_name from amocrm.cat;"
    two = "create or replace view analytics.dog_names as select dog_name from (select 1) as wolf;"
    pairs = "-- like cat_names: dog for cat\n-- (select 1) as wolf for amocrm.dog\n"
    assert [view.text for view in read_views(write({}, {"cat_names": one, "dog_names": pairs}) / "views")] == [one, two]
    folder = write({}, {"cat_names": one, "dog_names": pairs + "-- tom for jerry\n"}) / "views"
    with pytest.raises(MigrationError, match="lacks 'jerry'"):
        read_views(folder)
