-- name: catalog
-- Every column of our tables and views, in order, with its comment.
select
    relation.oid::bigint as table_id,
    namespace.nspname as schema_name,
    relation.relname as table_name,
    relation.relkind = 'v' as is_view,
    obj_description(relation.oid, 'pg_class') as table_comment,
    attribute.attnum as column_number,
    attribute.attname as column_name,
    format_type(attribute.atttypid, attribute.atttypmod) as column_type,
    attribute.attnotnull as is_required,
    col_description(relation.oid, attribute.attnum) as column_comment
from pg_class as relation
join pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
where namespace.nspname in ('amocrm', 'analytics') and relation.relkind in ('r', 'p', 'v')
order by namespace.nspname, relation.relname, attribute.attnum

-- name: catalog_functions
-- Every function of the schema analytics, with its arguments, result columns and comment.
select
    function.proname as function_name,
    replace(pg_get_function_identity_arguments(function.oid), 'timestamp with time zone', 'timestamptz') as arguments,
    array(
        select argument.name
        from unnest(function.proargnames, function.proargmodes) with ordinality as argument (name, mode, position)
        where argument.mode = 't'
        order by argument.position
    ) as column_names,
    obj_description(function.oid, 'pg_proc') as function_comment
from pg_proc as function
where function.pronamespace = 'analytics'::regnamespace
order by function.proname, arguments

-- name: catalog_rules
-- The parsed query of each of our views.
select view.oid::bigint as table_id, rewrite.ev_action::text as rule
from pg_rewrite as rewrite
join pg_class as view on view.oid = rewrite.ev_class
join pg_namespace as namespace on namespace.oid = view.relnamespace
where namespace.nspname in ('amocrm', 'analytics') and view.relkind = 'v'

-- name: catalog_uses
-- Tables and views that each of our views selects from.
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
