-- name: blocking_sessions
-- Other sessions that lock our tables or views, or whose role has temporary objects that depend on
-- ours (views, tables and domains of a view's row type, functions), and open prepared transactions,
-- oldest first. The start is null if our role may not see the session's activity.
select
    activity.pid,
    activity.usename::text as role_name,
    nullif(activity.application_name, '') as application_name,
    activity.xact_start as since,
    null as prepared
from pg_stat_activity as activity
where activity.datname = current_database()
    and activity.pid <> pg_backend_pid()
    and (activity.usesysid in (
        select shown.relowner
        from pg_depend as depend
        join pg_rewrite as rule on rule.oid = depend.objid and depend.classid = 'pg_rewrite'::regclass
        join pg_class as shown on shown.oid = rule.ev_class
        join pg_namespace as temporary on temporary.oid = shown.relnamespace and temporary.nspname ~ '^pg_temp_'
        join pg_class as ours on ours.oid = depend.refobjid and depend.refclassid = 'pg_class'::regclass
        where ours.relnamespace in (to_regnamespace('amocrm'), to_regnamespace('analytics'))
        union all
        select owner.refobjid
        from pg_depend as depend
        join pg_shdepend as owner on owner.classid = depend.classid and owner.objid = depend.objid and owner.deptype = 'o'
        join pg_database as here on here.oid = owner.dbid and here.datname = current_database()
        where (pg_identify_object(depend.refclassid, depend.refobjid, 0)).schema in ('amocrm', 'analytics')
            and (pg_identify_object(depend.classid, depend.objid, 0)).schema ~ '^pg_temp_'
    ) or exists (
        select
        from pg_locks as held
        join pg_class as relation on relation.oid = held.relation
        where held.pid = activity.pid
            and held.granted
            and held.database = (select oid from pg_database where datname = current_database())
            and relation.relnamespace in (to_regnamespace('amocrm'), to_regnamespace('analytics'))
    ))
union all
select null, owner::text, null, prepared, gid
from pg_prepared_xacts
where database = current_database()
order by since nulls last, pid
limit 5
