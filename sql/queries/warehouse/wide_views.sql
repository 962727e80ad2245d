-- name: may_create_wide_views
-- True if our role may create wide views, and no reader of a single account exists, who could read
-- their column names.
select has_schema_privilege('analytics', 'create') and not relrowsecurity as is_allowed
from pg_class
where oid = 'amocrm.account'::regclass

-- name: view_grants
-- Privileges of other roles on a view of analytics, as the statements that grant them again.
select
    format(
        'grant %s on analytics.%I to %s%s',
        acl.privilege_type,
        relation.relname,
        case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
        case when acl.is_grantable then ' with grant option' else '' end
    )
from pg_class as relation
cross join aclexplode(relation.relacl) as acl
where relation.relnamespace = 'analytics'::regnamespace
    and relation.relname = :view
    and acl.grantee <> relation.relowner

-- name: set_short_lock_timeout
-- Use a short lock timeout in this transaction, since the next load can make the change as well.
select set_config('lock_timeout', '1s', true)

-- name: wide_columns
-- Columns of a view in analytics with their comments and the view's own comment. No rows if the
-- view does not exist.
select
    attribute.attname as name,
    col_description(relation.oid, attribute.attnum) as comment,
    obj_description(relation.oid, 'pg_class') as view_comment
from pg_class as relation
join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum > 0
where relation.relnamespace = 'analytics'::regnamespace and relation.relname = :view
order by attribute.attnum

-- name: wide_fields
-- Current fields of an account, oldest first, so that new ones come last.
select field.field_id, field.name, field.type
from analytics.fields as field
where field.account_id = :account_id
order by field.field_id
