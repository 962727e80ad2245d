-- Columns of a view in analytics with their comments; the view's own comment beside each. No rows where there is no such view.
select
    attribute.attname as name,
    col_description(relation.oid, attribute.attnum) as comment,
    obj_description(relation.oid, 'pg_class') as view_comment
from pg_class as relation
join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum > 0
where relation.relnamespace = 'analytics'::regnamespace and relation.relname = :view
order by attribute.attnum
