-- name: grant_account_reader
-- Grant the schema to the reader of one account directly as well, by which other databases of the
-- server see that the role is in use.
do $$
begin
    if not exists (
        select
        from pg_namespace as namespace
        cross join aclexplode(namespace.nspacl) as acl
        where namespace.nspname = 'analytics' and acl.grantee = to_regrole(quote_ident(current_setting('amocrm.reader_of_account')))
    ) then
        execute format('grant usage on schema analytics to %I', current_setting('amocrm.reader_of_account'));
    end if;
end
$$

-- name: grant_connect
-- Grant CONNECT on this database to roles that may use our schemas and lack it: an administrator
-- may have revoked it from PUBLIC, as deploy/postgres-init.sh does. Does nothing if our role may
-- not grant it.
do $$
declare
    missing regrole;
begin
    for missing in
        select distinct acl.grantee::regrole
        from pg_catalog.pg_namespace
        cross join pg_catalog.aclexplode(nspacl) as acl
        where nspname in ('amocrm', 'analytics')
            and acl.grantee <> 0
            and not pg_catalog.has_database_privilege(acl.grantee, pg_catalog.current_database(), 'connect')
            and pg_catalog.has_database_privilege(pg_catalog.current_database(), 'connect with grant option')
    loop
        execute pg_catalog.format('grant connect on database %I to %s', pg_catalog.current_database(), missing);
    end loop;
end
$$

-- name: hide_statistics
-- Planner statistics contain values of all accounts, and EXPLAIN shows estimates based on them to
-- every reader. Once readers are isolated, statistics of our columns are removed and no longer
-- collected. Before PostgreSQL 18 only a superuser can remove them; doctor shows the statement.
-- account_id is exempt: its statistics reveal only the number of rows per account, and plans would
-- be bad without them. Extended statistics are dropped.
do $$
declare
    change text;
begin
    for change in
        select
            case
                when relation.relkind = 'i'
                then format('alter index amocrm.%I alter column %s set statistics 0', relation.relname, attribute.attnum)
                else format('alter table amocrm.%I alter column %I set statistics 0', relation.relname, attribute.attname)
            end
        from pg_class as relation
        join pg_attribute as attribute
            on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
        where relation.relnamespace = 'amocrm'::regnamespace
            and attribute.attstattarget is distinct from 0
            and attribute.attname <> 'account_id'
            and pg_has_role(relation.relowner, 'usage')
            and (
                relation.relkind in ('r', 'p')
                or relation.relkind = 'i' and exists (
                    select
                    from pg_index as index
                    where index.indexrelid = relation.oid and index.indkey[attribute.attnum - 1] = 0
                )
            )
        union all
        select format('drop statistics %I.%I', namespace.nspname, extended.stxname)
        from pg_statistic_ext as extended
        join pg_namespace as namespace on namespace.oid = extended.stxnamespace
        join pg_class as relation on relation.oid = extended.stxrelid
        where relation.relnamespace = 'amocrm'::regnamespace
            and (pg_has_role(extended.stxowner, 'usage') or pg_has_role(namespace.nspowner, 'usage'))
        union all
        select format(
            'select pg_clear_attribute_stats(%L, %L, %L, %L)',
            collected.schemaname, collected.tablename, collected.attname, collected.inherited
        )
        from pg_stats as collected
        where collected.schemaname = 'amocrm'
            and collected.attname <> 'account_id'
            and current_setting('server_version_num')::integer >= 180000
        union all
        select 'delete from pg_statistic where starelid in '
            '(select oid from pg_class where relnamespace = ''amocrm''::regnamespace)'
        where current_setting('server_version_num')::integer < 180000
            and current_setting('is_superuser')::boolean
            and exists (select from pg_stats where schemaname = 'amocrm' and attname <> 'account_id')
    loop
        execute change;
    end loop;
end
$$

-- name: insert_role_name
-- Store that a role belongs to this database.
insert into amocrm.role_name (name, purpose, account_id)
values (:name, :purpose, :account_id)
on conflict do nothing

-- name: isolate_readers
-- Isolate readers of single accounts: the views' owner is subject to row-level security, and every
-- table shows it only the accounts of the session's role. Idempotent; adds new tables, views and
-- policies.
do $$
declare
    views_owner constant regrole := to_regrole(quote_ident(current_setting('amocrm.views_owner')));
    account_reader constant regrole := to_regrole(quote_ident(current_setting('amocrm.account_reader')));
    missing text;
begin
    for missing in
        select format('grant create, usage on schema analytics to %s', views_owner)
        where not has_schema_privilege(views_owner, 'analytics', 'create')
        union all
        select format('grant usage on schema analytics to %s', account_reader)
        where not has_schema_privilege(account_reader, 'analytics', 'usage')
        union all
        select change
        from pg_class as relation
        join pg_attribute as account_id on account_id.attrelid = relation.oid and account_id.attname = 'account_id'
        cross join lateral (
            values
                (
                    not has_table_privilege(views_owner, relation.oid, 'select'),
                    format('grant select on amocrm.%I to %s', relation.relname, views_owner)
                ),
                (not relation.relrowsecurity, format('alter table amocrm.%I enable row level security', relation.relname)),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'everybody'),
                    format('create policy everybody on amocrm.%I using (true) with check (true)', relation.relname)
                ),
                (
                    exists (
                        select
                        from pg_policy
                        where polrelid = relation.oid and polname = 'own_accounts' and polroles <> array[views_owner::oid]
                    ),
                    format('alter policy own_accounts on amocrm.%I to %s', relation.relname, views_owner)
                ),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'own_accounts'),
                    format(
                        'create policy own_accounts on amocrm.%I as restrictive for select to %s using '
                        '(amocrm.is_readable(account_id, amocrm.readable_account_ids()))',
                        relation.relname,
                        views_owner
                    )
                )
        ) as step (is_missing, change)
        where relation.relnamespace = 'amocrm'::regnamespace and relation.relkind in ('r', 'p') and step.is_missing
        union all
        select format('alter view analytics.%I owner to %s', relation.relname, views_owner)
        from pg_class as relation
        join amocrm.schema_view as made on made.name = relation.relname
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and relation.relowner <> views_owner
        union all
        select format('grant select on analytics.%I to %s', made.name, account_reader)
        from amocrm.schema_view as made
        where not has_table_privilege(account_reader, format('analytics.%I', made.name), 'select')
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, account_reader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and not has_function_privilege(account_reader, routine.oid, 'execute')
    loop
        execute missing;
    end loop;
end
$$

-- name: lacking_roles
-- Statements, in order, that create the roles needed for isolation and the named reader of one
-- account; only those that would have an effect.
select step.change
from (
    select
        max(name) filter (where purpose = 'views') as views,
        max(name) filter (where purpose = 'account_reader') as account_reader,
        cast(:reader as text) as reader
    from amocrm.role_name
) as role
cross join lateral (
    values
        (1, to_regrole(quote_ident(role.views)) is null, format('create role %I nologin', role.views)),
        (2, to_regrole(quote_ident(role.account_reader)) is null, format('create role %I nologin', role.account_reader)),
        (
            3,
            not coalesce(pg_has_role(to_regrole(quote_ident(role.views)), 'usage'), false),
            format('grant %I to %I', role.views, current_user)
        ),
        (
            4,
            role.reader is not null and to_regrole(quote_ident(role.reader)) is null,
            format('create role %I nologin', coalesce(role.reader, ''))
        ),
        (
            5,
            role.reader is not null and not coalesce(
                pg_has_role(to_regrole(quote_ident(role.reader)), to_regrole(quote_ident(role.account_reader)), 'usage'),
                false
            ),
            format('grant %I to %I', role.account_reader, coalesce(role.reader, ''))
        )
) as step (position, is_lacking, change)
where step.is_lacking
order by step.position

-- name: name_reader
-- Set the name of the reader of one account for a statement of this transaction that takes no
-- parameters.
select set_config('amocrm.reader_of_account', :name, true)

-- name: owns_tables
-- True if the session's role owns the tables or is a member of their owner.
select pg_has_role(relowner, 'usage')
from pg_class
where oid = to_regclass('amocrm.account')

-- name: reader_of_account
-- Name of the role that reads one account in this database.
select name
from amocrm.role_name
where purpose = 'reader_of_account' and account_id = :account_id
order by name
limit 1

-- name: readers_are_isolated
-- True if readers of single accounts are isolated: the first of them turns row-level security on.
select relrowsecurity
from pg_class
where oid = to_regclass('amocrm.account')

-- name: role_is_used_elsewhere
-- True if a role has privileges in another database of the server.
select exists (
    select
    from pg_shdepend as depend
    join pg_database as other on other.oid = depend.dbid
    where depend.refclassid = 'pg_authid'::regclass
        and depend.refobjid = to_regrole(quote_ident(:name))
        and other.datname <> current_database()
)

-- name: role_suffixes
-- Suffixes of role names for this database, best first, with a flag if they are free. The default
-- names are free if they already have privileges in this database, or in no other one; every role
-- can read that in pg_shdepend. Role names have at most 63 bytes, so a longer database name does
-- not fit.
select candidate.suffix, candidate.is_here or not candidate.is_elsewhere as is_free
from (
    select
        ending.position,
        ending.suffix,
        coalesce(bool_or(depend.dbid = own.oid), false) as is_here,
        coalesce(bool_or(depend.dbid <> own.oid), false) as is_elsewhere
    from pg_database as own
    cross join lateral (
        values
            (1, '', true),
            (2, '_in_' || own.datname, octet_length(own.datname) <= 27),
            (3, '_in_database_' || own.oid, true)
    ) as ending (position, suffix, is_fitting)
    left join pg_roles as role
        on right(role.rolname, length(ending.suffix)) = ending.suffix
        and left(role.rolname, length(role.rolname) - length(ending.suffix))
            ~ '^amocrm_(reader|loader|views|account_reader|members|reader_[0-9]+)$'
    left join pg_shdepend as depend
        on depend.refclassid = 'pg_authid'::regclass and depend.refobjid = role.oid and depend.dbid <> 0
    where own.datname = current_database() and ending.is_fitting
    group by ending.position, ending.suffix
) as candidate
order by candidate.position

-- name: write_readers
-- Write the roles of amocrm.role_name into the function that row-level security uses.
call amocrm.write_readable_account_ids()
