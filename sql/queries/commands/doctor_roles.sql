-- name: doctor_roles
-- Privileges of the role of DATABASE_URL beyond the warehouse, and effects of the server's version
-- on readers.
select
    role.rolsuper as is_superuser,
    role.rolcreaterole as may_make_roles,
    server.version / 10000 as major,
    -- CVE-2024-10976: a plan reused after SET ROLE may return rows of the previous role.
    server.version < 150009
        or server.version between 160000 and 160004
        or server.version = 170000 as keeps_plans_of_other_roles,
    coalesce(
        (select relrowsecurity from pg_class where oid = to_regclass('amocrm.account')), false
    ) as is_isolated,
    exists (select from pg_stats where schemaname = 'amocrm' and attname <> 'account_id')
        or exists (
            select
            from pg_statistic_ext as extended
            join pg_class as relation on relation.oid = extended.stxrelid
            where relation.relnamespace = to_regnamespace('amocrm')
        ) as has_statistics,
    has_function_privilege('public', 'pg_catalog.pg_advisory_lock(bigint)', 'execute') as may_fill_lock_table
from pg_roles as role
cross join (select current_setting('server_version_num')::integer) as server (version)
where role.rolname = current_user

-- name: parting_roles
-- Statements with which the owner gives this database its own roles, if another database uses the
-- same ones.
select format('update amocrm.role_name set name = name || %L', '_in_' || current_database()) as change
union all
select format('revoke all on schema amocrm, analytics from %s', string_agg(quote_ident(role.name), ', ' order by role.name))
from amocrm.role_name as role
where to_regrole(quote_ident(role.name)) is not null
order by change desc

-- name: shared_roles
-- Roles of this database that have privileges in another database of the server, and their logins.
select
    role.name,
    array_agg(distinct other.datname::text order by other.datname::text) as database_names,
    array(
        select login.rolname::text
        from pg_roles as login
        where login.rolcanlogin and not login.rolsuper and pg_has_role(login.oid, to_regrole(quote_ident(role.name)), 'member')
        order by 1
    ) as logins
from amocrm.role_name as role
join pg_shdepend as depend
    on depend.refclassid = 'pg_authid'::regclass and depend.refobjid = to_regrole(quote_ident(role.name))
join pg_database as other on other.oid = depend.dbid and other.datname <> current_database()
group by role.name
order by role.name
