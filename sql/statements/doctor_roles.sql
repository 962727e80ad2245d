-- What the role of DATABASE_URL could do beyond the warehouse, and what the server's version means for readers.
select
    role.rolsuper as is_superuser,
    role.rolcreaterole as may_make_roles,
    server.version / 10000 as major,
    -- CVE-2024-10976: a plan that is reused after set role may show the rows of the role before.
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
