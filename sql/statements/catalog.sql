-- Every column of our tables and views, in their order, with what its comment says.
select
    namespace.nspname as schema_name,
    relation.relname as table_name,
    relation.relkind = 'v' as is_view,
    obj_description(relation.oid, 'pg_class') as table_comment,
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
