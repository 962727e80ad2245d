-- Which tables and views each of our views is made of.
select distinct
    view_namespace.nspname as schema_name,
    view.relname as table_name,
    used_namespace.nspname as used_schema_name,
    used.relname as used_table_name
from pg_rewrite as rewrite
join pg_class as view on view.oid = rewrite.ev_class
join pg_namespace as view_namespace on view_namespace.oid = view.relnamespace
join pg_depend as depend
    on depend.classid = 'pg_rewrite'::regclass
    and depend.objid = rewrite.oid
    and depend.refclassid = 'pg_class'::regclass
    and depend.refobjid <> view.oid
join pg_class as used on used.oid = depend.refobjid
join pg_namespace as used_namespace on used_namespace.oid = used.relnamespace
where view_namespace.nspname in ('amocrm', 'analytics') and used_namespace.nspname in ('amocrm', 'analytics')
order by 1, 2, 3, 4
